// `blkscope snapshot`: snapshots inside an image. Options, messages and exit codes of `qemu-img snapshot`. Formats without
// any answer listing with nothing. The work of the others is in snapshotImage.ts.
import type { BlockNode } from "../block/node.ts";
import { defineCommand, UsageError } from "./command.ts";
import { objectOption, takeObjects } from "./objectOption.ts";
import type { OptionSpecs } from "./options.ts";
import { stdout } from "./output.ts";
import { inPlaceOfPeer } from "./persona.ts";

const options = {
  list: { short: "l", long: "list", help: "list them (default)" },
  create: { short: "c", long: "create", value: "SNAPSHOT", help: "create one" },
  apply: { short: "a", long: "apply", value: "SNAPSHOT", help: "go back to one" },
  delete: { short: "d", long: "delete", value: "SNAPSHOT", help: "delete one" },
  format: {
    short: "f",
    long: "format",
    value: "FMT",
    own: true,
    help: "the image's format (default: found by its first bytes)",
  },
  imageOpts: { long: "image-opts", help: "FILE is a list of options: driver=qed,file.filename=disk.qed" },
  forceShare: {
    short: "U",
    long: "force-share",
    help: "open an image that another program has open for writing; with -l only",
  },
  quiet: { short: "q", long: "quiet", help: "print nothing but errors" },
  object: objectOption,
} as const satisfies OptionSpecs;

type Action = "list" | "create" | "apply" | "delete";

export const snapshot = defineCommand({
  usage: ["[OPTION...] [-l | -c SNAPSHOT | -a SNAPSHOT | -d SNAPSHOT] FILE"],
  description: `Lists, creates, applies or deletes snapshots inside a qcow2 image. One that is applied overwrites the disk as it is
now, its size included; the snapshot stays. -a goes by id first, then by name; -d by name first, and by id where no
snapshot has that name. No other program may have the image open.

An image needs refcounts of 2 bits at least, and no external data file. Before one is applied the image's bitmaps have
to be removed. Raw and QED images cannot have any: use an overlay (create -b) instead.`,
  options,
  exits: [
    [0, "listed, created, applied or deleted"],
    [1, "wrong usage, the image could not be opened, there is no such snapshot, or the image can have none"],
  ],
  examples: [
    "snapshot -l disk.qcow2",
    "snapshot -c before-update disk.qcow2",
    "snapshot -a before-update disk.qcow2",
    "snapshot -d before-update disk.qcow2",
  ],
  failure: 1,
  async run(args) {
    const asked = args.given.flatMap(({ name, value }) => (isAction(name) ? [{ name, value }] : []));
    if (asked.length > 1) throw new UsageError("Cannot mix '-l', '-a', '-c', '-d'");
    const [file, ...more] = args.operands;
    if (file === undefined || more.length > 0) throw new UsageError("Expecting one image file name");
    if ((await takeObjects(args.values("object"))).helped) return 0;
    // Asked for nothing, the peer opens the image and does nothing.
    const [action = { name: inPlaceOfPeer ? undefined : ("list" as const), value: "" }] = asked;
    const request = {
      imageOpts: args.has("imageOpts"),
      format: args.value("format"),
      forceShare: args.has("forceShare"),
      writable: action.name !== "list",
      // The list is in the image itself.
      backing: action.name !== "list",
    };
    const { withImage } = await import("./openImage.ts");
    return withImage(file, request, async ({ graph }) => {
      if (action.name === "list") await list(graph.root);
      else if (action.name !== undefined) {
        const { changeSnapshots } = await import("./snapshotImage.ts");
        await changeSnapshots(graph.root, { file, action: action.name, name: action.value });
      }
      return 0;
    });
  },
});

function isAction(name: string): name is Action {
  return name === "list" || name === "create" || name === "apply" || name === "delete";
}

async function list(root: BlockNode): Promise<void> {
  const { factsOf } = await import("./nodeFacts.ts");
  const { snapshots = [] } = factsOf(root);
  if (snapshots.length === 0) return;
  const { snapshotLines } = await import("./facts.ts");
  for (const line of ["Snapshot list:", ...snapshotLines(snapshots)]) stdout.line(line);
}
