// The comparison's toolbar: history and go-to, stepping, how the panes stand to each other, the scan.

import { CommandButton } from "../../widgets/CommandButton.tsx";
import { percent } from "../../widgets/format.ts";
import {
  BackIcon,
  CloseIcon,
  FoldIcon,
  ForwardIcon,
  GoToIcon,
  LockIcon,
  NextIcon,
  PreviousIcon,
  RescanIcon,
  ResumeIcon,
  ShiftIcon,
  StopIcon,
  StrictIcon,
  SwapIcon,
  UnlockIcon,
} from "../../widgets/icons.ts";
import shared from "../../widgets/panel.module.css";
import styles from "./compare.module.css";
import type { Scan } from "./scan.ts";
import { shiftText, stepText } from "./wording.ts";

interface ToolbarProps {
  readonly scan: Scan;
  readonly rows: number;
  readonly current: number | undefined;
  readonly locked: boolean;
  readonly shift: number;
  onClearShift(): void;
}

export function Toolbar({ scan, rows, current, locked, shift, onClearShift }: ToolbarProps) {
  return (
    <section className={shared.toolbar} aria-label="Comparison" data-pane="toolbar">
      <CommandButton command="go.back" icon={BackIcon} />
      <CommandButton command="go.forward" icon={ForwardIcon} />
      <CommandButton command="go.to" icon={GoToIcon}>
        Go to
      </CommandButton>
      <Divider />
      <CommandButton command="compare.previous" icon={PreviousIcon} label="Previous difference" />
      <CommandButton command="compare.next" icon={NextIcon} label="Next difference" />
      <span className={styles.step} title="The difference at the caret, and how many there are">
        <kbd>F8</kbd> {stepText(current, rows)}
      </span>
      <Divider />
      <CommandButton command="compare.lock" icon={locked ? LockIcon : UnlockIcon} />
      <CommandButton command="compare.fold" icon={FoldIcon} />
      <CommandButton command="compare.swap" icon={SwapIcon} />
      {shift === 0 ? (
        <CommandButton command="compare.shift" icon={ShiftIcon} />
      ) : (
        <span className={styles.chip}>
          <CommandButton command="compare.shift" icon={ShiftIcon} label="Change the shift">
            {shiftText(shift)}
          </CommandButton>
          <button
            type="button"
            className="button quiet icon"
            aria-label="Remove the shift"
            title="Remove the shift and rescan"
            onClick={onClearShift}
          >
            <CloseIcon size={14} aria-hidden />
          </button>
        </span>
      )}
      <CommandButton command="compare.strict" icon={StrictIcon}>
        Strict
      </CommandButton>
      <span className={shared.space} />
      <ScanButtons scan={scan} />
    </section>
  );
}

function ScanButtons({ scan }: { scan: Scan }) {
  if (scan.kind === "scanning") {
    return (
      <CommandButton command="compare.cancel" icon={StopIcon}>
        {cancelText(scan)}
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

function cancelText({ cancelling, phase, scannedTo, total }: Extract<Scan, { kind: "scanning" }>): string {
  if (cancelling) return "Stopping…";
  if (phase) return `Cancel ${lowerFirst(phase.name)}, ${percent(phase.done, total)} %`;
  return `Cancel scan, ${percent(scannedTo, total)} %`;
}

const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1);

function Divider() {
  return <span className={shared.divider} aria-hidden />;
}
