// What the status bar says of writing at each step of a repair: whether something can be written from here, and what was.
import type { RepairWritten } from "../../../core/ops/repairRun.ts";
import type { JournalLook } from "../../../electron/ipc/contract.ts";
import { readOnlyWords, type WriteWords } from "../../store/writeWords.ts";
import { baseName } from "./wording.ts";

const untilButton = "Nothing is written before you press the button that says so";

interface Wizard {
  readonly written: RepairWritten | undefined;
  readonly toCopy: boolean;
  readonly undo: { readonly isUndone: boolean } | undefined;
}

/** `name` is the image's. */
export function wizardWords({ written, toCopy, undo }: Wizard, name: string): WriteWords {
  if (written === undefined || written.state === "planned") {
    return { text: "read-only until you write", title: untilButton };
  }
  const target = baseName(written.target);
  const other = toCopy ? `${name} itself was not changed. ` : "";
  if (undo?.isUndone || written.state === "undone") {
    return { text: `${target} is as it was`, title: `${other}The repair was taken back` };
  }
  if (written.state === "applying") {
    return {
      text: `${target}: repair unfinished`,
      title: `${other}The repair can be finished or taken back`,
    };
  }
  return {
    text: `${target} was written; can be undone`,
    title: `${other}Nothing more is written before you press the button that undoes it`,
  };
}

/** Of a page about a journal; undefined: it is not read yet, or gone. */
export function journalWords(
  facts: Pick<JournalLook, "state" | "refusal" | "imagePath"> | undefined,
): WriteWords {
  if (!facts) return readOnlyWords;
  const name = baseName(facts.imagePath);
  if (facts.refusal)
    return { text: "read-only", title: "As things are, nothing can be written by this journal" };
  switch (facts.state) {
    case "planned":
      return { text: "read-only until you write", title: untilButton };
    case "applying":
      return { text: `${name}: repair unfinished`, title: untilButton };
    case "applied":
    case "verified":
      return { text: `${name} was written; can be undone`, title: untilButton };
    case "undone":
      return {
        text: `${name} is as it was`,
        title: "The repair was taken back: there is nothing to be written",
      };
  }
}
