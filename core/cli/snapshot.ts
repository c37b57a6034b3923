// `blkscope snapshot`: snapshots inside an image. Options, messages and exit codes of `qemu-img snapshot`. Formats without
// any answer listing with nothing.
import type { SnapshotInfo } from "../block/node.ts";
import { CliError, defineCommand, UsageError } from "./command.ts";
import { objectOption, takeObjects } from "./objectOption.ts";
import type { OptionSpecs } from "./options.ts";
import { stdout } from "./output.ts";

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

const actions: readonly string[] = ["list", "create", "apply", "delete"];

export const snapshot = defineCommand({
  usage: ["[OPTION...] [-l | -c SNAPSHOT | -a SNAPSHOT | -d SNAPSHOT] FILE"],
  description: `Lists, creates, applies or deletes snapshots inside an image. Those of qcow2 images are listed; raw and QED images cannot
have any: use an overlay (create -b) instead.`,
  options,
  exits: [
    [0, "listed"],
    [1, "wrong usage, the image could not be opened, or its format has no snapshots"],
  ],
  examples: ["snapshot -l disk.qcow2"],
  failure: 1,
  async run(args) {
    const asked = args.given.filter(({ name }) => actions.includes(name));
    if (asked.length > 1) throw new UsageError("Cannot mix '-l', '-a', '-c', '-d'");
    const [file, ...more] = args.operands;
    if (file === undefined || more.length > 0) throw new UsageError("Expecting one image file name");
    if ((await takeObjects(args.values("object"))).helped) return 0;
    const [action = { name: "list", value: "" } as const] = asked;
    const request = {
      imageOpts: args.has("imageOpts"),
      format: args.value("format"),
      forceShare: args.has("forceShare"),
      writable: action.name !== "list",
      // The list is in the image itself.
      backing: action.name !== "list",
    };
    const { withImage } = await import("./openImage.ts");
    const { factsOf } = await import("./nodeFacts.ts");
    return withImage(file, request, async ({ graph }) => {
      if (action.name === "list") {
        await list(factsOf(graph.root).snapshots ?? []);
        return 0;
      }
      throw lacking(action.name, action.value, graph.root.driver);
    });
  },
});

async function list(snapshots: readonly SnapshotInfo[]): Promise<void> {
  if (snapshots.length === 0) return;
  const { snapshotLines } = await import("./facts.ts");
  for (const line of ["Snapshot list:", ...snapshotLines(snapshots)]) stdout.line(line);
}

/** What a format without snapshots answers. */
function lacking(action: string, name: string, format: string): CliError {
  const hint = `Images of the format ${format} have no snapshots inside; create an overlay with create -b.`;
  const why =
    action === "create"
      ? "-95 (Operation not supported)"
      : action === "apply"
        ? "Block driver does not support snapshots"
        : "snapshot not found";
  return new CliError(`Could not ${action} snapshot '${name}': ${why}`, 1, hint);
}
