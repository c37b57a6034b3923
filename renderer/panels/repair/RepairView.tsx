// The repair wizard of an image: steps at the left, the step that is being taken beside them.
import { useEffect, useMemo } from "react";
import { useStore } from "zustand";
import type { FileRef, OpenedImage } from "../../../electron/ipc/contract.ts";
import { useCommands } from "../../commands/registry.ts";
import { useImages } from "../../store/images.ts";
import { useJobs } from "../../store/jobs.ts";
import { useWriteWords } from "../../store/writeWords.ts";
import { FileBanner } from "../../widgets/FileBanner.tsx";
import shared from "../../widgets/panel.module.css";
import { FindingsStep } from "./FindingsStep.tsx";
import { JournalView } from "./JournalView.tsx";
import { PlanStep } from "./PlanStep.tsx";
import { PreflightStep } from "./PreflightStep.tsx";
import styles from "./repair.module.css";
import { StepRail } from "./StepRail.tsx";
import type { RepairSession } from "./session.ts";
import { wizardWords } from "./statusWords.ts";
import { wasBegun } from "./steps.ts";
import { UnfinishedNotice } from "./UnfinishedNotice.tsx";
import { VerifyStep } from "./VerifyStep.tsx";
import { WriteStep } from "./WriteStep.tsx";

interface RepairViewProps {
  readonly session: RepairSession;
  readonly file: FileRef;
  /** Undefined while it is opened again after a repair. */
  readonly image: OpenedImage | undefined;
}

export function RepairView({ session, file, image }: RepairViewProps) {
  useEffect(() => {
    if (image) session.attach(image);
  }, [session, image]);
  const disk = useImages(({ byToken }) => {
    const known = byToken[file.token];
    return known?.kind === "open" ? known.disk : undefined;
  });
  // What was said of the file does not hold any more.
  useEffect(() => {
    if (disk !== undefined && disk.kind !== "same") void session.checkPreflight();
  }, [session, disk]);
  const state = useStore(session.store);
  useJobs(({ byId }) => (state.plan === undefined ? undefined : byId[state.plan]));
  useJobs(({ byId }) => (state.write === undefined ? undefined : byId[state.write]));
  useWriteWords(wizardWords(session, file.name));
  const looking = session.planJob?.state.kind === "running";
  const begun = wasBegun(session.facts) || session.writeJob?.state.kind === "running";
  useCommands(
    useMemo(
      () => ({
        "compare.cancel": {
          title: "Repair: Stop looking",
          run: () => session.cancel(),
          disabled: looking ? undefined : "The image is not being looked at",
        },
        "compare.rescan": {
          title: "Repair: Look again",
          run: () => session.look(),
          disabled: begun ? "A repair was begun; its page offers to look again" : undefined,
        },
      }),
      [session, looking, begun],
    ),
  );
  return (
    <div className={shared.panel}>
      {!wasBegun(session.facts) && <FileBanner token={file.token} />}
      {!wasBegun(session.facts) && image && <UnfinishedNotice image={image} />}
      <div className={styles.wizard}>
        <StepRail session={session} />
        <CurrentStep session={session} state={state} file={file} />
      </div>
    </div>
  );
}

type CurrentStepProps = Pick<RepairViewProps, "session" | "file"> & {
  readonly state: ReturnType<RepairSession["store"]["getState"]>;
};

function CurrentStep({ session, state, file: { name, folder } }: CurrentStepProps) {
  const props = { session, state, name };
  switch (state.step) {
    case "preflight":
      return <PreflightStep {...props} />;
    case "findings":
      return <FindingsStep {...props} />;
    case "plan":
      return <PlanStep {...props} />;
    case "write":
      return <WriteStep {...props} folder={folder} />;
    case "verify":
      return <VerifyStep {...props} />;
    case "undo":
      return session.undo ? (
        <JournalView
          session={session.undo}
          title={session.written?.state === "applying" ? "Finish or undo" : "Undo"}
          again={
            <button type="button" className="button" onClick={() => session.look()}>
              Look at {name} again
            </button>
          }
          back={
            <button type="button" className="button" onClick={() => session.go("verify")}>
              Back
            </button>
          }
        />
      ) : null;
  }
}
