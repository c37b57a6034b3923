// The sentences about undo journals: what one holds, how far its repair came, what can be done by it, how that ended.
import type { JournalFacts, RepairFinished } from "../../../core/ops/repairRun.ts";
import { count, decimal } from "../../widgets/format.ts";
import { changesText, listOf, sentence, upperFirst } from "./wording.ts";

/** What a journal's state means for its image; what can be done with it only where it fits the image. */
export function journalText(facts: JournalFacts, name: string): string {
  const { state, writes, written, copies, refusal } = facts;
  const what = listOf([
    ...(writes > 0 ? [count(writes, "write")] : []),
    ...(copies > 0 ? [copies === 1 ? "1 copy" : `${decimal(copies)} copies`] : []),
  ]);
  const acts = what === "" ? "a repair" : `a repair of ${what}`;
  switch (state) {
    case "planned":
      return `This journal holds ${acts} of ${name} that was planned ${madeText(facts)} and never begun: nothing of it was written.${
        refusal ? "" : ` ${untouchedText(name)}`
      }`;
    case "applying":
      return `This journal holds ${acts} of ${name} that was stopped half way.${
        refusal ? "" : ` ${upperFirst(howFar(written, writes))} ${name}. It can be finished or taken back.`
      }`;
    case "applied":
    case "verified":
      return `This journal holds ${acts} that was written to ${name}.${
        refusal ? "" : " It can be taken back: every byte becomes what it was."
      }`;
    case "undone":
      return `This journal holds ${acts} of ${name} that was taken back: the image is as it was before.`;
  }
}

/** The button that names the act: "Undo 14 writes in disk.qed". */
export function finishLabel(mode: "undo" | "resume", facts: JournalFacts, name: string): string {
  const { writes, state } = facts;
  if (mode === "resume" && state === "planned") {
    return writes > 0 ? `Write ${changesText(writes)} to ${name}` : `Begin the repair of ${name}`;
  }
  if (mode === "resume") return `Finish the repair of ${name}`;
  return writes > 0 ? `Undo ${count(writes, "write")} in ${name}` : `Undo the repair of ${name}`;
}

/** What is said where finishing or taking back failed. */
export const unfinishedTitles = {
  undo: "The repair was not taken back",
  resume: "The repair was not finished",
} as const;

/** How finishing or taking back ended. */
export function finishedText(
  mode: "undo" | "resume",
  { cancelled, facts: { state } }: RepairFinished,
  name: string,
): string {
  if (state === "undone") return `Taken back: every byte of ${name} is what it was before the repair.`;
  if (cancelled) return `You stopped it. ${name} is between its old and its new state; both ways stay open.`;
  if (mode === "resume") return `Finished: all changes are in ${name} and were read back.`;
  return `${name} is as the journal says below.`;
}

/** "by you on 21 Nov 2026, 13:45". */
export function madeText({ changedAt, owner }: Pick<JournalFacts, "changedAt" | "owner">): string {
  const at = new Date(changedAt).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
  const by = owner === "you" ? "by you " : owner === "other" ? "by another user " : "";
  return `${by}on ${at}`;
}

/** Of an image whose repair was planned and not begun: what was looked at, and nothing more. */
function plannedText(facts: JournalFacts, name: string): string {
  const { writes, refusal } = facts;
  const changes = writes > 0 ? ` (${changesText(writes)})` : "";
  const what = `A repair of ${name}${changes} was planned ${madeText(facts)}, but never begun`;
  return refusal
    ? `${what}, and can't be begun as things are: ${sentence(refusal.message)}`
    : `${what}. ${untouchedText(name)}`;
}

/** What is compared are the places that the repair would change, and the file's size and beginning. */
const untouchedText = (name: string) =>
  `${name} is unchanged since: every place that would be changed was looked at.`;

/** The banner of an image beside which an unfinished journal lies. */
export function unfinishedText(facts: JournalFacts, name: string): string {
  const { state, writes, written, refusal } = facts;
  if (state === "planned") return plannedText(facts, name);
  const changes = writes > 0 ? ` of ${changesText(writes)}` : "";
  if (refusal) {
    return `A repair${changes} of ${name} stopped before its end, and its journal does not fit the image any more: ${sentence(refusal.message)}`;
  }
  return state === "applied"
    ? `A repair${changes} of ${name} was written but not verified. It can be finished or taken back.`
    : `Repair stopped before its end: ${howFar(written, writes)} ${name}. It can be finished or taken back; until then, don't open it in another program.`;
}

/** "6 of 14 changes were written to". */
function howFar(written: number | undefined, writes: number): string {
  if (writes === 0) return "it cuts bytes off the end of";
  return `${written === undefined ? "some" : decimal(written)} of ${changesText(writes)} ${written === 1 ? "was" : "were"} written to`;
}
