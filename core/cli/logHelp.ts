// What `blkscope log --help` and the manual say of it, beside its options.
import type { Command } from "./command.ts";
import { wrap } from "./help.ts";

const intro = `Looks into logs of writes, as Linux's dm-log-writes and the blklogwrites driver write them. LOG is a file or a
device. Logs, moments and the search for a first bad write are explained in docs/write-logs.md.`;

const damaged = `Whatever is wrong with a log, what can be read is shown. The superblock's count is written now and then only: entries
behind it are shown as not counted, since they can also be those of an older log in the same file.`;

const about = {
  info: "info says what the log holds, and where and why it ends.",
  list: "list prints its entries.",
  find: "find prints those entries that pass a filter (docs/log-filters.md).",
  history: "history prints those that wrote a range of the disk, newest first.",
  state: "state writes the disk as it was after N entries to a file.",
  replay: "replay applies entries to a disk, in order.",
  bisect: `bisect looks for the first moment at which a check fails: that of a format, or a command, in which {} stands for a
file with the state. It is run without a shell, unless asked, and shown before.`,
  stats: "stats counts: writes, flushes and what lies between them, places written more than once.",
  mark: `mark adds a mark of that text at the end of a log that nobody writes to; every mark is a moment that can be found
again.`,
} as const;

export type LogAction = keyof typeof about;

/** Parts of the help that are about some of the actions only, by title; outputs are by their titles' words. */
const sectionsOf: Readonly<Record<string, readonly LogAction[]>> = {
  Moments: ["history", "state", "replay", "bisect"],
  "Judges (bisect)": ["bisect"],
};

function paragraph(...actions: readonly LogAction[]): string {
  return wrap(actions.map((action) => about[action]).join(" "), 0);
}

export const logHelp: Pick<Command, "usage" | "description" | "sections" | "exits" | "examples"> = {
  usage: [
    "info [OPTION...] LOG",
    "list [OPTION...] LOG",
    "find [OPTION...] LOG FILTER",
    "history [OPTION...] --at OFFSET[+LENGTH] LOG",
    "state [OPTION...] LOG OUT",
    "replay [OPTION...] LOG TARGET",
    "bisect [OPTION...] LOG --check FORMAT",
    "bisect [OPTION...] LOG -- CMD [WORD...]",
    "stats [OPTION...] LOG",
    "mark [OPTION...] LOG TEXT",
  ],
  description: `${intro}

${paragraph("info", "list", "find", "history")}

${paragraph("state", "replay", "bisect", "stats")}

${paragraph("mark")}

${damaged}`,
  sections: [
    {
      title: "Moments",
      text: `Entries are numbered from 0. --entry N is the disk after N entries: 0 is the disk before the first, 1 the disk after
entry 0. Where an end is asked for in several ways the first one counts; a mark or flag that is not there is an error, and
nothing is written. A mark's whole text counts; of several alike the first is taken, with a warning. With --recover entries
behind damage count as well, up to the number in the superblock less one for each damage, which took one at least (--tail:
all): what lay in it is missing in all states behind it, which is said; for --at reorder it counts as a flush. A search
has 1000000 moments at most: for more of them give a part of the log, or a number.`,
    },
    {
      title: "Judges (bisect)",
      text: `A command's exit code 0 is good, 125 says that the state can't be judged and is gone around, everything else, a
signal and a timeout are bad. Each state is a sparse temporary file that the command may change. --check FORMAT opens the
state as an image of that format: corruptions and tables that can't be read are bad, and so is an image that can't be
opened; leaks are not. A log that can't be read any more, or has fewer entries by then, ends the search. The temporary
files are in TMPDIR and are removed whatever ends the search; only kill -9 leaves their folder there, blkscope-states-….`,
    },
    {
      title: "Output of info (json)",
      text: `one object: "filename", "format", "version", "sector-size", "log-size" (bytes), "stated-entries" (what the
superblock says), "entries" (found), "counted-entries" (of these, by the superblock), "operations" (by name: "count" and,
for writes and discards, "bytes"), "disk-size-at-least" (end of the furthest write or discard), "end": "kind" (complete,
growing, torn, bad-entry, unreadable, foreign, limit, gap), "entry", "offset" (in the log), "message"; "marks": a list of "entry" and
"text", 1000 at most; "recovered": a list of "first", "count", "offset", "skipped"`,
    },
    {
      title: "Output of list and find (json)",
      text: `one object a line: "entry" (its number), "kind" (write, discard, flush, mark, empty), "flags" (a list of FLUSH,
FUA, DISCARD, MARK, METADATA), "offset" and "length" (on the disk), "header" (its place in the log), "data" (that of its
data, where it has some), "text" (of a mark), "counted" (by the superblock), "recovered"`,
    },
    {
      title: "Output of history (json)",
      text: `one object a line: "entry", "kind", "flags", "offset" and "length" (on the disk), "touched" ("offset" and "length"
of what was asked for), with --through "guest-offset" and "compressed" (true: "touched" is of the bytes among which the
data of the whole cluster are, and "guest-offset" where what was asked for begins in it), "durable-with" (the entry with
which it became durable), "counted", "recovered";
with --bytes "before" and "after" (hexadecimal, of the first "shown" bytes, 4096 at most) and "changed"`,
    },
    {
      title: "Output of state and mark (json)",
      text: `one object: of state "target", "entries" (applied), "lost" (as given), "size" (bytes); of mark "entry" (its number), "text"`,
    },
    {
      title: "Output of replay (json)",
      text: `with --find one object: "entry", "header" (its place in the log), "kind"; else one object: "target", "dry-run",
"first", "end" (the first entry that was not applied), "entries", "writes", "writtenBytes", "discards", "discardedBytes",
"diskEnd", "verified", "recovered" (what was found behind damage of these, as that of info), and with --fsck "checks" and "failed" ("entry", "outcome", "output")`,
    },
    {
      title: "Output of bisect (json)",
      text: `one object: "log", "at", "search", "edges" and "undecided" (binary: good-bad, first-bad, last-good or skipped, and
states before the first bad one that could not be judged), "judge", "interrupted", "states" and "looked" (how many),
"first-bad" and "last-good", where there are such: "entries" (applied), "entry" (the last of them), "kind" (start, flush,
fua, mark, entry, end, reorder), "flushes-before", "lost", "gap-before" (the entry before which some were lost to damage,
with --recover); of the first also "output" and "reproduce", a command line;
"refined" (with --refine, the first bad entry by entry); "table" and "refined-table": for each state that was looked at the
same with "verdict" (good, bad, skip), "outcome", "exit", "ms"`,
    },
    {
      title: "Output of stats (json)",
      text: `one object: "filename", "writes" ("count", "bytes", "lengths"), "discards", "flushes" ("count", "entries-between",
"bytes-between", "unflushed"), "fua-writes", "metadata", "marks", "empty", "covered-bytes" (written at all),
"rewritten-bytes" (of the disk, written more than once), "overwrite-bytes" (of writes, over what had been written), "hottest":
a list of "offset", "length", "writes", 20 at most; with --below the same of that log as "below", and "amplification":
"bytes", "writes" and "flushes" below for each above. Spreads are "count", "min", "median", "p95", "max"`,
    },
  ],
  exits: [
    [0, "done; bisect: no state fails"],
    [
      1,
      "wrong usage, the log could not be opened, or it is none; a mark is not there; bisect: no state could be judged",
    ],
    [
      2,
      "the log is not whole, and no end was asked for that it reaches: what could be read was shown or applied; bisect: none of its states fails",
    ],
    [
      3,
      "nothing was found (find, history), or a check failed (replay, bisect), in a log that is whole or not",
    ],
    [130, "interrupted"],
  ],
  examples: [
    "log info disk.log",
    "log list --from 1000 --count 20 disk.log",
    "log find disk.log 'write && sector in 2048..4095'",
    "log history --at 0x5200+512 --bytes disk.log",
    "log state --entry 412 disk.log state.raw",
    'log replay --end-mark "mkfs done" disk.log disk.raw',
    "log bisect --start-mark mkfs --at flush --refine disk.log -- e2fsck -fn {}",
    "log bisect --base new.qed --at reorder:500,1 --check qed disk.log",
    "log stats --below qed.log guest.log",
    'log mark disk.log "mkfs done"',
  ],
};

/** What `blkscope log ACTION --help` says: of the whole, what concerns the action. */
export function actionHelp(
  action: LogAction,
  options: Command["options"],
): Pick<Command, "usage" | "description" | "options" | "sections" | "exits" | "examples"> {
  const concerns = ({ title }: { readonly title: string }) =>
    sectionsOf[title]?.includes(action) ?? title.split(" ").includes(action);
  return {
    ...logHelp,
    usage: logHelp.usage.filter((line) => line.startsWith(`${action} `)),
    description: [about[action], damaged].join("\n\n"),
    options,
    sections: (logHelp.sections ?? []).filter(concerns),
    examples: logHelp.examples.filter((line) => line.startsWith(`log ${action} `)),
  };
}
