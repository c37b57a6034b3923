// The vote map's toolbar, and below it the copies: how much of each was outvoted, and which one shows.
import { readOnlyWords } from "../../store/writeWords.ts";
import { CommandButton } from "../../widgets/CommandButton.tsx";
import { bytes, count, decimal, percent } from "../../widgets/format.ts";
import {
  BackIcon,
  ForwardIcon,
  GoToIcon,
  LockIcon,
  NextIcon,
  PreviousIcon,
  RescanIcon,
  ResumeIcon,
  StopIcon,
} from "../../widgets/icons.ts";
import shared from "../../widgets/panel.module.css";
import compare from "../compare/compare.module.css";
import type { Copy } from "./copies.ts";
import type { VoteScan } from "./scan.ts";
import styles from "./votes.module.css";

interface ToolbarProps {
  readonly scan: VoteScan;
  readonly rows: number;
  readonly current: number | undefined;
}

export function Toolbar({ scan, rows, current }: ToolbarProps) {
  return (
    <section className={shared.toolbar} aria-label="Votes" data-pane="toolbar">
      <CommandButton command="go.back" icon={BackIcon} />
      <CommandButton command="go.forward" icon={ForwardIcon} />
      <CommandButton command="go.to" icon={GoToIcon}>
        Go to
      </CommandButton>
      <span className={shared.divider} aria-hidden />
      <CommandButton command="compare.previous" icon={PreviousIcon} label="Previous disagreement" />
      <CommandButton command="compare.next" icon={NextIcon} label="Next disagreement" />
      <span className={compare.step} title="The range at the caret, and how many there are">
        <kbd>F8</kbd>{" "}
        {current === undefined ? count(rows, "range") : `${decimal(current + 1)} of ${decimal(rows)}`}
      </span>
      <span className={shared.space} />
      <ScanButtons scan={scan} />
      <span className={styles.lock} title={readOnlyWords.title}>
        <LockIcon size={13} aria-hidden /> read-only
      </span>
    </section>
  );
}

function ScanButtons({ scan }: { scan: VoteScan }) {
  if (scan.kind === "scanning") {
    return (
      <CommandButton command="compare.cancel" icon={StopIcon}>
        {scan.cancelling ? "Stopping…" : `Cancel scan, ${percent(scan.scannedTo, scan.total)} %`}
      </CommandButton>
    );
  }
  return (
    <>
      {scan.kind === "ended" && scan.cancelled && (
        <CommandButton command="compare.resume" icon={ResumeIcon}>
          Resume at {percent(scan.scannedTo, scan.total)} %
        </CommandButton>
      )}
      <CommandButton command="compare.rescan" icon={RescanIcon}>
        Rescan
      </CommandButton>
    </>
  );
}

interface CopiesProps {
  readonly copies: readonly Copy[];
  readonly scan: VoteScan;
  /** Number of the copy that shows. */
  readonly shown: number;
  onChoose(child: number): void;
}

/** One button for each copy, in the order of its strip on the ruler. */
export function Copies({ copies, scan, shown, onChoose }: CopiesProps) {
  const { outvoted, unreadable } = scan.totals;
  return (
    <fieldset className={styles.copies} data-pane="copies">
      <legend className="visually-hidden">Copy to show beside the majority</legend>
      {copies.map(({ name, file }, child) => (
        <button
          key={name}
          type="button"
          className={styles.copy}
          aria-pressed={child === shown}
          title={`Show ${name} beside the majority`}
          onClick={() => onChoose(child)}
        >
          <b>{name}</b> {file !== undefined && <span>{file}</span>}
          <span className={styles.tally} data-odd={isOdd(outvoted[child], unreadable[child]) || undefined}>
            {tallyText(outvoted[child] ?? 0, unreadable[child] ?? 0)}
          </span>
        </button>
      ))}
    </fieldset>
  );
}

const isOdd = (outvoted = 0, unreadable = 0) => outvoted + unreadable > 0;

function tallyText(outvoted: number, unreadable: number): string {
  if (outvoted + unreadable === 0) return "not outvoted";
  const parts = outvoted > 0 ? [`outvoted ${bytes(outvoted)}`] : [];
  if (unreadable > 0) parts.push(`unreadable ${bytes(unreadable)}`);
  return parts.join(", ");
}
