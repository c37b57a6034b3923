// The sentences of the repair wizard: risks in their fixed words, what each kind of problem means in plain words, and
// what is known at each point. "Repaired" is said by nothing here: a repair is written, then checked.
import type { PlainError } from "../../../core/base/errors.ts";
import type { OfferedRepair, RepairAction, RepairRisk } from "../../../core/block/finding.ts";
import { withoutFlags } from "../../../core/ops/repairHint.ts";
import type { PreflightId, RepairChoice, RepairOffered, RepairWritten } from "../../../core/ops/repairRun.ts";
import { bytes, count, decimal, hex } from "../../widgets/format.ts";

/** Fixed, also in reports. */
export const riskWords: Readonly<Record<RepairRisk, string>> = {
  safe: "safe",
  "may-lose-data": "may lose data",
  "cannot-be-undone-elsewhere": "cannot be undone elsewhere",
};

/** What each risk means, for its tooltip and the plan's legend. */
export const riskMeanings: Readonly<Record<RepairRisk, string>> = {
  safe: "All that can be read now reads the same afterwards, and nothing is thrown away.",
  "may-lose-data": "What is taken away may be wanted. Never chosen unless you choose it.",
  "cannot-be-undone-elsewhere":
    "Nothing that can be read now is lost, but the old value is then kept in the undo journal alone.",
};

/** The act in a row of the plan. */
export const actionNames: Readonly<Record<RepairAction, string>> = {
  "clear-entry": "Clear the entry",
  "fix-entry": "Mend the entry",
  "copy-cluster": "Copy the cluster",
  "copy-table": "Copy the table",
  "rewrite-snapshots": "Rewrite snapshots",
  "drop-snapshots": "Give up snapshots",
  "drop-bitmaps": "Give up bitmaps",
  "fix-refcounts": "Mend refcounts",
  "free-leaks": "Free the clusters",
  "fix-flags": "Mend the flags",
  trim: "Shorten the file",
  "clear-dirty-bit": "Clear the mark",
};

export interface ProblemWords {
  readonly title: string;
  /** The field's term. */
  readonly term: string;
  readonly atRisk: string;
  readonly ifNothing: string;
}

/** What is found, in plain words, by what would mend it; of marks, by those that the image has. */
export function problemWordsOf(
  action: RepairAction,
  { dirty, corrupt }: Pick<RepairOffered, "dirty" | "corrupt">,
): ProblemWords {
  if (action !== "clear-dirty-bit" || !corrupt) return problemWords[action];
  return dirty ? { ...corruptMark, ...bothMarks } : corruptMark;
}

const corruptMark: ProblemWords = {
  title: "The image is marked as corrupt",
  term: "corrupt bit",
  atRisk:
    "Nothing by the mark itself: a program that wrote to the image met a fault in its tables, and stopped.",
  ifNothing: "Programs refuse to open the image for writing.",
};
const bothMarks = {
  title: "The image was not closed cleanly, and is marked as corrupt",
  term: "dirty bit, corrupt bit",
};

const problemWords: Readonly<Record<RepairAction, ProblemWords>> = {
  "copy-cluster": {
    title: "Several places share one cluster",
    term: "cluster referenced more than once",
    atRisk: "Both places read the same bytes now. A write to one of them changes the other as well.",
    ifNothing: "Reading goes on as it does now. The first write to a shared cluster damages its other user.",
  },
  "copy-table": {
    title: "Two tables lie on top of each other",
    term: "overlapping L2 tables",
    atRisk: "A table that says where the guest's data is lies where another table lies.",
    ifNothing: "The next cluster that is allocated through one of them makes the other point to wrong data.",
  },
  "clear-entry": {
    title: "Table entries point where no data can be",
    term: "invalid table entry",
    atRisk:
      "What these ranges held is not where the table says: the guest can't read them, or reads zeroes. Where the file was cut short, by a copy that was broken off for instance, the whole file still has it: look for that first.",
    ifNothing: "Reading these ranges goes on failing or giving zeroes; everything else is not affected.",
  },
  "fix-entry": {
    title: "Table entries contradict themselves",
    term: "reserved bits, contradicting subclusters",
    atRisk: "Some of these ranges may not be readable; others are, and are only refused by checks.",
    ifNothing: "Programs report the image as damaged, and some refuse to write to it.",
  },
  "rewrite-snapshots": {
    title: "The list of snapshots lacks data",
    term: "incomplete snapshot table entries",
    atRisk: "Nothing of the disk. How large a snapshot's disk was is not stored with it.",
    ifNothing: "Snapshots go on working as long as the disk keeps its size.",
  },
  "drop-snapshots": {
    title: "Snapshots can't be found",
    term: "damaged snapshot table",
    atRisk: "The snapshots of the image; nothing of the disk as it is now.",
    ifNothing:
      "The snapshots stay where they are, for whoever finds them. Programs refuse to open the image.",
  },
  "drop-bitmaps": {
    title: "The list of dirty bitmaps can't be read",
    term: "damaged bitmap directory",
    atRisk: "Nothing of the disk. What was to be backed up next is not known.",
    ifNothing: "Other programs refuse to open the image.",
  },
  "fix-refcounts": {
    title: "What is stored of used space is wrong",
    term: "refcounts, refcount blocks",
    atRisk: "Space that is in use may count as free: new data would be written over it.",
    ifNothing: "The next write to the image may destroy data that can be read now.",
  },
  "free-leaks": {
    title: "Space counts as used, and nothing uses it",
    term: "leaked clusters",
    atRisk: "Nothing that the tables say the guest has. The file is larger than it has to be.",
    ifNothing: "The space stays taken. The image works all the same.",
  },
  "fix-flags": {
    title: "Table entries are wrong about being the only user",
    term: "COPIED flag",
    atRisk: "Where a cluster is used by a snapshot too, a write would change both.",
    ifNothing: "A write to such a cluster may change what a snapshot holds.",
  },
  trim: {
    title: "Space at the end of the file is used by nothing",
    term: "leaked clusters at the end",
    atRisk: "Nothing that the tables say the guest has. The file is larger than it has to be.",
    ifNothing: "The space stays taken. The image works all the same.",
  },
  "clear-dirty-bit": {
    title: "The image was not closed cleanly",
    term: "dirty bit, need-check flag",
    atRisk: "Nothing by itself: your data is probably intact. Clusters may be allocated that nothing uses.",
    ifNothing: "Programs check the image each time they open it for writing, or refuse to open it so.",
  },
};

/** Worst first. */
export const severities = ["data", "space", "note"] as const;
export type Severity = (typeof severities)[number];

export const severityOf: Readonly<Record<RepairAction, Severity>> = {
  "copy-cluster": "data",
  "copy-table": "data",
  "clear-entry": "data",
  "fix-entry": "data",
  "fix-refcounts": "data",
  "fix-flags": "data",
  "rewrite-snapshots": "note",
  "drop-snapshots": "data",
  "drop-bitmaps": "note",
  "free-leaks": "space",
  trim: "space",
  "clear-dirty-bit": "note",
};

export const severityTitles: Readonly<Record<Severity, string>> = {
  data: "Problems with the guest's data",
  space: "Space that nothing uses",
  note: "Marks",
};

/** "14 changes". */
export const changesText = (value: number): string => count(value, "change");

/** "Write 14 changes to disk.qed"; where nothing is written in place, what is done instead. */
export function writeLabel({ writes, cutBytes }: RepairChoice, target: string): string {
  return writes === 0
    ? `Cut ${bytes(cutBytes)} off the end of ${target}`
    : `Write ${changesText(writes)} to ${target}`;
}

/** All that the chosen items do to the file, counted. */
export function actsText({ writes, copiedBytes, cutBytes }: RepairChoice): string {
  const parts: string[] = [];
  if (writes > 0) parts.push(count(writes, "write in place", "writes in place"));
  if (copiedBytes > 0) parts.push(`${bytes(copiedBytes)} copied to the end`);
  if (cutBytes > 0) parts.push(`${bytes(cutBytes)} cut off the end`);
  return parts.length === 0 ? "none" : parts.join("; ");
}

/** The line under the plan. */
export function totalsText(choice: RepairChoice, items: number): string {
  const chosen = `${decimal(choice.ids.length)} of ${count(items, "item")} chosen`;
  return choice.ids.length === 0 ? chosen : `${chosen}: ${actsText(choice)}`;
}

export function sizeText(choice: RepairChoice, fileSize: number): string {
  const by = choice.newSize - fileSize;
  if (by === 0) return `The file stays ${bytes(fileSize)} long.`;
  const change = by > 0 ? `${bytes(by)} longer` : `${bytes(-by)} shorter`;
  return `The file becomes ${change}: ${bytes(choice.newSize)} (${decimal(choice.newSize)} bytes).`;
}

/** "The file grows by 4 KiB to 4.0 MiB", and what the guest sees of it: short, for the line under the plan. */
export function effectText({ newSize, guestBytes }: RepairChoice, fileSize: number): string {
  const by = newSize - fileSize;
  const size =
    by === 0
      ? "The file's size stays"
      : `The file ${by > 0 ? "grows" : "shrinks"} by ${bytes(Math.abs(by))} to ${bytes(newSize)}`;
  const guest =
    guestBytes === 0 ? "the guest reads as before" : `${bytes(guestBytes)} read differently for the guest`;
  return `${size}; ${guest}.`;
}

export function guestText({ guestBytes }: RepairChoice): string {
  return guestBytes === 0
    ? "The guest's disk reads exactly as before."
    : `${bytes(guestBytes)} of the guest's disk read differently afterwards; the plan names each range.`;
}

/** The first sentence about what was found. */
export function foundText(name: string, offered: RepairOffered): string {
  const { items, dropped, unmended, dirty, check } = offered;
  if (items === 0 && unmended.length === 0) return nothingText(name, offered);
  if (items === 1 && dirty && !offered.corrupt && check.corruptions + check.leaks + check.checkErrors === 0) {
    return `${name} was not closed cleanly. Its tables are in order; your data is probably intact.`;
  }
  if (items === 1 && offered.corrupt && check.corruptions + check.leaks + check.checkErrors === 0) {
    return `${name} is marked as corrupt. Its tables are in order now; the mark keeps programs from writing to it.`;
  }
  const more = dropped > 0 ? ` ${decimal(dropped)} more are left to a second repair after this one.` : "";
  return `${count(items, "problem")} in ${name} can be mended.${more}`;
}

function nothingText(name: string, { check }: RepairOffered): string {
  const scope = `all tables of ${name} were checked (${count(check.totalClusters, "guest cluster")})`;
  return check.leaks > 0
    ? `Nothing to mend: ${scope}. ${count(check.leaks, "cluster")} inside the file are used by nothing.`
    : `No problems: ${scope}.`;
}

/** `offered`: what the plan can do. A format without refcounts has no way to use them again where they lie. */
export function leaksText({ leaks }: RepairOffered, offered: readonly RepairAction[]): string | undefined {
  if (leaks.bytes === 0) return undefined;
  const where = `${bytes(leaks.bytes)} in ${count(leaks.ranges, "range")} of the file are used by nothing (leaked clusters).`;
  const use = offered.includes("free-leaks")
    ? "The plan can free them."
    : "Only those at the end of the file can be given back, by the plan; the others stay.";
  return `${where} ${use} They hold no data of the guest, as far as the tables say.`;
}

/** Where an item is, in the file. */
export const whereText = ({ file }: OfferedRepair): string => hex(file.offset);

export function guestRanges({ guest }: OfferedRepair, most = 4): string {
  if (guest.length === 0) return "none";
  const named = guest
    .slice(0, most)
    .map(({ offset, length }) => `${hex(offset)} (${decimal(offset)}), ${bytes(length)}`);
  const rest = guest.length - named.length;
  return rest > 0 ? `${named.join("; ")}; ${count(rest, "more range")}` : named.join("; ");
}

/** How the writing ended: never more than is known. */
export function writtenTitle(
  { state, cancelled, error, changes, target }: RepairWritten,
  name: string,
): string {
  const done = `${decimal(changes.done)} of ${changesText(changes.total)}`;
  switch (state) {
    case "planned":
      return cancelled ? "Stopped before the first change" : "Nothing was changed";
    case "undone":
      return `Taken back: ${name} is as it was`;
    case "applying":
      return changes.total === 0 ? "Repair stopped while the file was cut" : `Repair stopped after ${done}`;
    case "applied":
      return error || cancelled ? `Written, not verified: ${done}` : `Written: ${done}`;
    case "verified":
      return target === "" ? "Written and verified" : `${changesText(changes.total)} written and verified`;
  }
}

/** The exact state in a sentence or two. */
export function writtenText(written: RepairWritten, name: string): string {
  const { state, cancelled, error, journal } = written;
  const why = error ? ` ${sentence(error.message)}` : cancelled ? " You stopped it." : "";
  switch (state) {
    case "planned":
      return `${name} is exactly as it was: nothing was written to it.${why}`;
    case "undone":
      return `Every byte of ${name} is what it was before the repair.${why}`;
    case "applying":
      return `${name} is between its old and its new state.${why} It can be finished or taken back${
        journal === undefined ? "" : ", as the undo journal says"
      }; until then, don't open it in another program.`;
    case "applied":
      return `All changes are in ${name}, but they were not read back to the end.${why} They can be taken back.`;
    case "verified":
      return `Every change was read back from ${name} as planned. It can be taken back for as long as the undo journal is kept.`;
  }
}

/** What the check afterwards says. */
export function afterText(written: RepairWritten, name: string): string {
  const { after, state } = written;
  if (after === undefined) {
    return state === "verified" || state === "applied"
      ? `${name} was not checked again.`
      : `${name} was not checked again, as its changes are not complete.`;
  }
  const { check, dirty, itemsLeft, unmended } = after;
  if (check.corruptions + check.checkErrors + itemsLeft + unmended.length === 0 && !dirty) {
    const clusters = count(check.totalClusters, "guest cluster");
    return check.leaks > 0
      ? `${name} is repaired: a full check found all tables in order (${clusters}). ${count(check.leaks, "cluster")} inside the file are used by nothing and stay so: they only take space.`
      : `${name} is repaired: a full check found no problems in ${clusters}.`;
  }
  const parts: string[] = [];
  if (check.corruptions > 0) parts.push(count(check.corruptions, "problem"));
  if (check.checkErrors > 0) parts.push(`${count(check.checkErrors, "table")} that can't be read`);
  if (check.leaks > 0) parts.push(count(check.leaks, "leaked cluster"));
  if (dirty) parts.push("the mark of an image that was not closed cleanly");
  if (parts.length === 0) parts.push(count(itemsLeft + unmended.length, "item"));
  return `A full check of ${name} still finds ${listOf(parts)}.${
    itemsLeft > 0 ? ` ${count(itemsLeft, "item")} can be mended by another repair.` : ""
  }`;
}

/** Whether the check afterwards found nothing left: the one case in which "repaired" is said. */
export function isClean({ after, state }: RepairWritten): boolean {
  if (state !== "verified" || after === undefined) return false;
  const { check, dirty, itemsLeft, unmended } = after;
  return !dirty && check.corruptions + check.checkErrors + itemsLeft + unmended.length === 0;
}

export const upperFirst = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

export function sentence(text: string): string {
  const first = upperFirst(text);
  return /[.?…]$/.test(first) ? first : `${first}.`;
}

export function listOf(parts: readonly string[]): string {
  if (parts.length < 2) return parts.join("");
  return `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

export const preflightStates = { ok: "In order", warn: "Note", refused: "Not possible" } as const;

export const preflightNames: Readonly<Record<PreflightId, string>> = {
  readable: "Reading the image",
  writable: "Writing to the image",
  "in-use": "Other programs",
  "same-file": "The file that was looked at",
  "journal-place": "Place of the undo journal",
  "journal-space": "Room for the undo journal",
  unfinished: "Earlier repairs",
  backing: "Backing file",
  "copy-space": "Room for a copy",
};

/** The name offered for a copy. It claims nothing: whether the copy is repaired is known when it was checked. */
export function copyName(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? `${name.slice(0, dot)} copy${name.slice(dot)}` : `${name} copy`;
}

/** As the engine names it beside an image. */
export const journalName = (name: string): string => `${name}.blkscope-undo`;

export function baseName(path: string): string {
  return path.split(/[/\\]/).at(-1) ?? path;
}

/** An error as the app says it: hints of the engine name options of the command line in brackets. */
export function forApp(error: PlainError): PlainError {
  const { hint } = error.context;
  if (hint === undefined) return error;
  return { ...error, context: { ...error.context, hint: withoutFlags(hint) } };
}
