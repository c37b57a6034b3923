// The one list of commands, in the order in which help lists them. A command's code is loaded when it is called.
import type { Command } from "./command.ts";

export interface CommandEntry {
  readonly summary: string;
  /** Not a command of qemu-img: the program that takes its place does not have it. */
  readonly own?: true;
  load(): Promise<Command>;
}

export const commands: Readonly<Record<string, CommandEntry>> = {
  bench: {
    summary: "measure the speed of reads or writes of an image",
    load: async () => (await import("./bench.ts")).bench,
  },
  compare: {
    summary: "compare two images: equal or not, or every mismatch (--all)",
    load: async () => (await import("./compare.ts")).compare,
  },
  convert: {
    summary: "copy an image into a new one of another format or with other options",
    load: async () => (await import("./convert.ts")).convert,
  },
  salvage: {
    summary: "write what the majority of several copies of one disk says, and report where they disagree",
    own: true,
    load: async () => (await import("./salvage.ts")).salvage,
  },
  dd: {
    summary: "copy blocks of an image into a new one, with the operands of dd",
    load: async () => (await import("./dd.ts")).dd,
  },
  check: {
    summary: "check an image's tables, and repair them (-r)",
    load: async () => (await import("./check.ts")).check,
  },
  repair: {
    summary: "mend an image item by item, with a journal that takes it back",
    own: true,
    load: async () => (await import("./repair.ts")).repair,
  },
  info: {
    summary: "show what an image is: format, sizes, backing file",
    load: async () => (await import("./info.ts")).info,
  },
  io: {
    summary: "read and write an image by commands, as qemu-io does",
    own: true,
    load: async () => (await import("./io.ts")).io,
  },
  map: {
    summary: "show where in which file an image's data lie",
    load: async () => (await import("./map.ts")).map,
  },
  refs: {
    summary: "show what a byte of an image's file is and who refers to it",
    own: true,
    load: async () => (await import("./refs.ts")).refs,
  },
  bundle: {
    summary: "write an image's tables without its data to one file, for a report of a bug",
    own: true,
    load: async () => (await import("./bundle.ts")).bundle,
  },
  log: {
    summary:
      "look into a log of writes (dm-log-writes): entries, states, replay, search for the first bad write",
    own: true,
    load: async () => (await import("./log.ts")).log,
  },
  create: {
    summary: "create an image",
    load: async () => (await import("./create.ts")).create,
  },
  resize: {
    summary: "change the size of an image",
    load: async () => (await import("./resize.ts")).resize,
  },
  rebase: {
    summary: "give an image another backing file",
    load: async () => (await import("./rebase.ts")).rebase,
  },
  commit: {
    summary: "write an image's data into its backing file",
    load: async () => (await import("./commit.ts")).commit,
  },
  measure: {
    summary: "show the space a new image would need",
    load: async () => (await import("./measure.ts")).measure,
  },
  amend: {
    summary: "change the options of an image",
    load: async () => (await import("./amend.ts")).amend,
  },
  snapshot: {
    summary: "list, create, apply, delete snapshots inside an image",
    load: async () => (await import("./snapshot.ts")).snapshot,
  },
  bitmap: {
    summary: "add, change, remove dirty bitmaps kept in an image",
    load: async () => (await import("./bitmap.ts")).bitmap,
  },
  open: {
    summary: "open images in the app",
    own: true,
    load: async () => (await import("./open.ts")).open,
  },
  diff: {
    summary: "open two images side by side in the app",
    own: true,
    load: async () => (await import("./diff.ts")).diff,
  },
};
