// Step 5: what was written, what a full check afterwards still finds, hashes, and the report to be kept.
import { useState } from "react";
import { toPlain } from "../../../core/base/errors.ts";
import type { RepairWritten } from "../../../core/ops/repairRun.ts";
import { call } from "../../api.ts";
import { openFiles } from "../../shell/openFlows.ts";
import { useView } from "../../store/view.ts";
import { detailsText } from "../../widgets/ErrorState.tsx";
import { ErrorIcon, ExportIcon, OkIcon, WarningIcon } from "../../widgets/icons.ts";
import styles from "./repair.module.css";
import { type ReportSource, reportJson, reportMarkdown, reportName } from "./report.ts";
import { StepPage } from "./StepPage.tsx";
import type { RepairSession } from "./session.ts";
import type { RepairState } from "./state.ts";
import { afterText, changesText, forApp, isClean, sentence, writtenText, writtenTitle } from "./wording.ts";

interface StepProps {
  readonly session: RepairSession;
  readonly state: RepairState;
  readonly name: string;
}

export function VerifyStep({ session, state, name }: StepProps) {
  const { written, offered } = session;
  if (!written || !offered || !state.choice) return null;
  const undone = session.undo?.isUndone ?? false;
  const target = session.toCopy ? (state.copyTo?.name ?? name) : name;
  const source: ReportSource = {
    image: name,
    target,
    written,
    offered,
    choice: state.choice,
    at: session.endedAt,
  };
  return (
    <StepPage
      title="Verify"
      actions={
        <>
          <ExportButtons source={source} />
          <button
            type="button"
            className="button"
            disabled={!session.undo}
            onClick={() => session.go("undo")}
          >
            {written.state === "applying" ? "Finish or take back…" : "Undo…"}
          </button>
          <button type="button" className="button" onClick={() => session.look()}>
            Look at {name} again
          </button>
          {session.toCopy && (
            <button
              type="button"
              className="button"
              onClick={() => void openFiles([written.targetFile], "hex")}
            >
              Open {target}
            </button>
          )}
        </>
      }
      note={written.journal === undefined || undone ? "" : "Keep the undo journal until you are sure."}
    >
      <Outcome written={written} target={target} undone={undone} />
      <Facts written={written} />
      {written.error && (
        <details className={styles.details}>
          <summary>Details</summary>
          <pre className="mono selectable">{detailsText(writtenTitle(written, target), written.error)}</pre>
        </details>
      )}
    </StepPage>
  );
}

function Outcome({ written, target, undone }: { written: RepairWritten; target: string; undone: boolean }) {
  const clean = isClean(written) && !undone;
  const tone = clean ? "ok" : written.error ? "error" : "warning";
  const Icon = { ok: OkIcon, warning: WarningIcon, error: ErrorIcon }[tone];
  const error = written.error && forApp(written.error);
  return (
    <div className={styles.outcome} data-tone={tone} role={tone === "error" ? "alert" : "status"}>
      <Icon size={20} className={styles.icon} aria-hidden />
      <div>
        <h3>{undone ? "Taken back since" : writtenTitle(written, target)}</h3>
        {undone ? (
          <p className="selectable">
            Every byte of {target} is what it was before the repair. What follows was found before it was
            taken back.
          </p>
        ) : (
          <>
            <p className="selectable">{writtenText(written, target)}</p>
            <p className="selectable">{afterText(written, target)}</p>
          </>
        )}
        {error?.context.hint && !undone && <p className="selectable">{sentence(error.context.hint)}</p>}
      </div>
    </div>
  );
}

function Facts({ written }: { written: RepairWritten }) {
  const { target, journal, changes, after, hashes } = written;
  const noHash = after ? "not taken: the file is too large" : "not taken";
  return (
    <dl className={styles.summary}>
      <dt>File</dt>
      <dd className="mono selectable">{target}</dd>
      <dt>Undo journal</dt>
      <dd className="mono selectable">{journal ?? "none"}</dd>
      <dt>Changes</dt>
      <dd className="number">
        {changes.done} of {changesText(changes.total)}
      </dd>
      {after && (
        <>
          <dt>Remaining</dt>
          <dd>
            {after.unmended.length + after.itemsLeft === 0 ? (
              "nothing that a repair could mend"
            ) : (
              <ul className={`${styles.examples} mono selectable`}>
                {after.itemsLeft > 0 && <li>{after.itemsLeft} can be mended: look again</li>}
                {after.unmended.slice(0, 20).map((text) => (
                  <li key={text}>{text}</li>
                ))}
              </ul>
            )}
          </dd>
        </>
      )}
      <dt>SHA-256 before</dt>
      <dd className={`${styles.hash} mono selectable`}>{hashes?.before ?? noHash}</dd>
      <dt>SHA-256 after</dt>
      <dd className={`${styles.hash} mono selectable`}>{hashes?.after ?? noHash}</dd>
    </dl>
  );
}

function ExportButtons({ source }: { source: ReportSource }) {
  const [failure, setFailure] = useState<string>();
  const save = async (form: "md" | "json") => {
    setFailure(undefined);
    const content = form === "md" ? reportMarkdown(source) : reportJson(source);
    try {
      const saved = await call("export:save", { suggestedName: reportName(source, form), content });
      if (saved) useView.getState().say(`Saved ${saved.name}`);
    } catch (error) {
      setFailure(toPlain(error).message);
    }
  };
  return (
    <>
      {failure !== undefined && (
        <span className={styles.failure} role="alert">
          The report was not saved: {failure}
        </span>
      )}
      <button type="button" className="button" onClick={() => void save("md")}>
        <ExportIcon size={14} aria-hidden /> Report (Markdown)…
      </button>
      <button type="button" className="button" onClick={() => void save("json")}>
        <ExportIcon size={14} aria-hidden /> Report (JSON)…
      </button>
    </>
  );
}
