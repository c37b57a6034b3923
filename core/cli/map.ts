// `blkscope map`: which file holds which part of an image. Options, columns, JSON and errors of `qemu-img map`.
import * as path from "node:path";
import type { NodeOptions } from "../block/driver.ts";
import { dataFileChild } from "../block/extents.ts";
import type { BlockNode } from "../block/node.ts";
import type { MapEntry } from "../ops/map.ts";
import { CliError, defineCommand, UsageError } from "./command.ts";
import { hexColumn } from "./hexColumn.ts";
import { objectOption, takeObjects } from "./objectOption.ts";
import type { OptionSpecs } from "./options.ts";
import { printable, stdout } from "./output.ts";
import { sizeArgument } from "./sizeArgument.ts";

const options = {
  format: {
    short: "f",
    long: "format",
    value: "FMT",
    help: "the image's format (default: found by its first bytes)",
  },
  startOffset: {
    short: "s",
    long: "start-offset",
    value: "OFFSET",
    help: "guest offset to begin at (default 0)",
  },
  maxLength: {
    short: "l",
    long: "max-length",
    value: "LENGTH",
    help: "bytes to look at (default: to the end)",
  },
  kinds: {
    long: "kinds",
    own: true,
    help: "count the clusters of the image's file by kind instead: tables, data, leaked, damaged",
  },
  bitmap: {
    long: "bitmap",
    value: "NAME",
    own: true,
    help: "list what dirty bitmap NAME of the image has noted instead",
  },
  output: { long: "output", value: "FORM", help: "human (default) or json" },
  imageOpts: {
    long: "image-opts",
    help: "FILE is a list of options: driver=qed,file.filename=disk.qed (a comma in a value is doubled)",
  },
  forceShare: {
    short: "U",
    long: "force-share",
    help: "open an image that another program has open for writing",
  },
  object: objectOption,
} as const satisfies OptionSpecs;

export const map = defineCommand({
  usage: ["[OPTION...] FILE"],
  description: `Shows where the data of an image lie: in which file of its backing chain, and where in it. Nothing is
changed. Ranges that read as zeroes are left out, unless the output is JSON.

With --kinds: how many clusters of the image's own file are of which kind, and how many bytes that is. Every cluster has
one kind, the worst that is true of it. Of an image without tables the parts with data and the holes are counted.

With --bitmap: the ranges of the disk that were written to since a bitmap was added or cleared, in whole units of its
granularity, which blkscope info shows. A bitmap that a program had open, or did not store, is refused.`,
  options,
  sections: [
    {
      title: "Output (json)",
      text: `a list of objects, one a line: "start", "length" (bytes), "depth" (0 is the image itself, 1 its backing file
...), "present" (false: no image of the chain holds it), "zero" (reads as zeroes), "data" (its file has bytes of it),
"offset" (in that file, where the range is contiguous there)`,
    },
    {
      title: "Output (json, with --kinds)",
      text: `one object: "filename", "format", "cluster-size", "clusters", "file-size", "kinds" (by name, worst first:
"clusters" and "bytes"), and for formats with tables "invalid-entries", "extra-references" (to clusters that have an
owner), "unreadable-tables", "skipped-tables" (they overlap others, or it is not known where they are), "guest": "clusters",
"allocated", "zero"`,
    },
    {
      title: "Output (json, with --bitmap)",
      text: `a list of objects, one a line: "start", "length" (bytes of the disk)`,
    },
  ],
  exits: [
    [0, "shown"],
    [1, "wrong usage, the image could not be opened or its tables not be read, or it has no such bitmap"],
  ],
  examples: [
    "map disk.qed",
    "map --kinds disk.qed",
    "map --bitmap b0 disk.qcow2",
    "map --output json -s 1G -l 64M overlay.qed",
  ],
  failure: 1,
  async run(args) {
    const output = args.value("output") ?? "human";
    if (output !== "human" && output !== "json") {
      throw new CliError("--output must be used with human or json as argument.", 1);
    }
    const start = numberIn(args.value("startOffset"), "start offset") ?? 0;
    const length = numberIn(args.value("maxLength"), "max length");
    const [file, ...more] = args.operands;
    if (file === undefined || more.length > 0) throw new UsageError("Expecting one image file name");
    const imageOpts = args.has("imageOpts");
    if (imageOpts && args.has("format")) {
      throw new CliError("--image-opts and --format are mutually exclusive", 1);
    }
    if ((await takeObjects(args.values("object"))).helped) return 0;
    const request = { imageOpts, format: args.value("format"), forceShare: args.has("forceShare") };
    const name = args.value("bitmap");
    if (args.has("kinds")) {
      if (name !== undefined) throw new UsageError("--kinds and --bitmap are mutually exclusive");
      if (args.has("startOffset") || args.has("maxLength")) {
        throw new UsageError("--kinds counts the whole file: it can't be used with -s or -l");
      }
      const { printKinds } = await import("./mapKinds.ts");
      await printKinds(file, request, output === "json");
      return 0;
    }
    const end =
      length === undefined ? Number.MAX_SAFE_INTEGER : Math.min(start + length, Number.MAX_SAFE_INTEGER);
    if (name !== undefined) {
      const { printBitmap } = await import("./mapBitmap.ts");
      await printBitmap({ file, image: request, name, start, end, json: output === "json" });
      return 0;
    }
    const { withImage } = await import("./openImage.ts");
    await withImage(file, request, async ({ graph, filename, spec }) => {
      const { mapEntries } = await import("../ops/map.ts");
      const entries = readable(mapEntries(graph.root, start, end));
      if (output === "json") await printJson(entries);
      else await printTable(entries, fileNames(graph.root, plainName(filename) ? filename : nameIn(spec)));
    });
    return 0;
  },
});

function numberIn(text: string | undefined, what: string): number | undefined {
  return text === undefined ? undefined : sizeArgument(text, what);
}

/** Failures in the words of the peer. */
async function* readable(entries: AsyncIterable<MapEntry>): AsyncGenerator<MapEntry> {
  const [{ asBlockError }, { strerror }] = await Promise.all([
    import("../base/errors.ts"),
    import("../base/strerror.ts"),
  ]);
  try {
    yield* entries;
  } catch (thrown) {
    if (thrown instanceof CliError) throw thrown;
    const error = asBlockError(thrown);
    throw new CliError(`Could not read file metadata: ${strerror(error)}`, 1, `${error.message}.`);
  }
}

async function printJson(entries: AsyncIterable<MapEntry>): Promise<void> {
  let before = "[";
  for await (const { start, length, depth, present, zero, data, offset } of entries) {
    const place = offset === undefined ? "" : `, "offset": ${offset}`;
    const flags = `"present": ${present}, "zero": ${zero}, "data": ${data}`;
    stdout.write(`${before}{ "start": ${start}, "length": ${length}, "depth": ${depth}, ${flags}${place}}`);
    before = ",\n";
  }
  stdout.line("]");
}

async function printTable(entries: AsyncIterable<MapEntry>, names: Names): Promise<void> {
  stdout.line("Offset          Length          Mapped to       File");
  for await (const { start, length, zero, data, offset, file } of entries) {
    if (!data || zero) continue;
    if (offset === undefined || file === undefined) {
      throw new CliError(
        "File contains external, encrypted or compressed clusters.",
        1,
        "Use --output json: it lists them as well.",
      );
    }
    stdout.line([start, length, offset].map(hexColumn).join("") + printable(names(file)));
  }
}

type Names = (file: BlockNode) => string;

/** Names of the chain's files as a person would reach them from here, given the name of the top one. */
function fileNames(top: BlockNode, given: string | undefined): Names {
  const known = new Map<BlockNode, string>();
  let name = given;
  for (let layer: BlockNode | undefined = top; layer !== undefined; ) {
    const below: BlockNode["children"] = layer.children;
    const file = below.find(({ role }) => role === "file")?.node;
    const path: string | undefined = name ?? pathOf(file ?? layer);
    if (path !== undefined) known.set(file ?? layer, path);
    const stored = layer.info.backing?.filename;
    const outside = below.find(({ name: child }) => child === dataFileChild)?.node;
    const outsideName = layer.info.specific?.["data-file"];
    if (outside !== undefined && path !== undefined && typeof outsideName === "string") {
      known.set(outside, beside(path, outsideName));
    }
    layer = below.find(({ role }) => role === "backing")?.node;
    name = stored === undefined || path === undefined ? undefined : beside(path, stored);
  }
  return (file) => known.get(file) ?? pathOf(file) ?? "";
}

function plainName(name: string): boolean {
  return !name.startsWith("json:");
}

/** The file name among the options of an image, however deep. */
function nameIn(spec: NodeOptions): string | undefined {
  for (let at: unknown = spec; typeof at === "object" && at !== null; at = (at as NodeOptions).file) {
    const { filename } = at as NodeOptions;
    if (typeof filename === "string") return filename;
  }
  return undefined;
}

/** The path of the file under a node. */
function pathOf(node: BlockNode | undefined): string | undefined {
  for (let at = node; at !== undefined; at = at.children.find(({ role }) => role === "file")?.node) {
    if (at.info.path !== undefined) return at.info.path;
  }
  return undefined;
}

/** A stored backing name as the peer joins it with the name of the image it is stored in. */
function beside(image: string, stored: string): string {
  const plain = stored.startsWith("file:") ? stored.slice(5) : stored;
  if (path.isAbsolute(plain)) return plain;
  return image.slice(0, image.lastIndexOf("/") + 1) + plain;
}
