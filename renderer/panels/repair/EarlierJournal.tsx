// What can be done about the journal of an earlier repair that has the name of the new one: it is undone from here, kept
// under another name, or deleted where it is of no use any more.
import type { FileRef, ShownCheck } from "../../../electron/ipc/contract.ts";
import { journalTab, useView } from "../../store/view.ts";
import styles from "./repair.module.css";
import type { RepairSession } from "./session.ts";
import type { RepairState } from "./state.ts";
import { forApp, sentence } from "./wording.ts";

type Earlier = NonNullable<ShownCheck["earlier"]>;

interface EarlierJournalProps {
  readonly session: RepairSession;
  readonly state: RepairState;
  readonly earlier: Earlier;
  readonly image: FileRef | undefined;
}

/** What the page about the journal offers, by how far its repair came. */
const pageLabels: Readonly<Record<NonNullable<Earlier["state"]>, string | undefined>> = {
  planned: "Begin that repair…",
  applying: "Finish or take back…",
  applied: "Finish or take back…",
  verified: "Undo that repair…",
  undone: undefined,
};

export function EarlierJournal({ session, state, earlier, image }: EarlierJournalProps) {
  const { file, state: came, aside } = earlier;
  const { clearing, earlierError } = state;
  const page = came && pageLabels[came];
  const isCutOff = came === "applying" || came === "applied";
  const error = earlierError && forApp(earlierError);
  return (
    <>
      <p className={styles.earlier}>
        {page !== undefined && (
          <button
            type="button"
            className="button"
            onClick={() => useView.getState().openTab(journalTab(file, image))}
          >
            {page}
          </button>
        )}
        {!isCutOff && (
          <button
            type="button"
            className="button"
            disabled={clearing}
            onClick={() => void session.places.keepEarlier(file)}
          >
            Keep it as {aside} and go on
          </button>
        )}
        {(came === "planned" || came === "undone") && (
          <button
            type="button"
            className="button"
            disabled={clearing}
            onClick={() => void session.places.deleteEarlier(file)}
          >
            Delete it
          </button>
        )}
      </p>
      {error && (
        <p className={styles.failure} role="alert">
          {sentence(error.message)} {error.context.hint && sentence(error.context.hint)}
        </p>
      )}
    </>
  );
}
