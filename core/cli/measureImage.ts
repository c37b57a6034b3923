// The work of `measure`.
import type { CreateRequest, Creation, MeasuredBitmap, Measurement, MeasureSource } from "../block/driver.ts";
import { chainExtentAt } from "../block/extents.ts";
import type { BlockNode, Fact } from "../block/node.ts";
import { creationOf } from "../ops/create.ts";
import { sizeInSectors } from "../ops/map.ts";
import { CliError } from "./command.ts";
import { createOptionTable, presetOptions } from "./createOptions.ts";
import { openImage } from "./openImage.ts";
import { type NamedValue, typedOptions } from "./optionList.ts";
import { jsonText, printError, stdout } from "./output.ts";
import { openSnapshot, refuseMisnamedSnapshot } from "./snapshotParam.ts";

export interface MeasureArguments {
  /** Either a file or a size is given. */
  readonly file: string | undefined;
  readonly size: number | undefined;
  readonly given: readonly NamedValue[];
  readonly targetFormat: string;
  readonly format: string | undefined;
  readonly imageOpts: boolean;
  readonly snapshot: string | undefined;
  readonly forceShare: boolean;
  readonly json: boolean;
}

export async function measureCommand(args: MeasureArguments): Promise<number> {
  const { file, size = 0, imageOpts, format, forceShare } = args;
  refuseMisnamedSnapshot(args.snapshot);
  if (file === undefined) return print(args, await measured(args, size, nothing(), undefined));
  const request = { imageOpts, format, forceShare };
  let image = await openImage(file, request);
  try {
    if (args.snapshot !== undefined) image = await openSnapshot(image, request, args.snapshot);
    const { root } = image.graph;
    return print(args, await measured(args, sizeInSectors(root), allocatedIn(root), sourceOf(root)));
  } finally {
    await image.graph.close();
  }
}

type Ranges = AsyncIterable<{ offset: number; length: number }>;

async function measured(
  args: MeasureArguments,
  size: number,
  allocated: Ranges,
  source: MeasureSource | undefined,
): Promise<Measurement> {
  const { targetFormat } = args;
  const creation = creationOf(targetFormat);
  const request = requestFor(args, creation, size);
  if (creation.measure === undefined) {
    throw new CliError(`Block driver '${targetFormat}' does not support size measurement`, 1);
  }
  return creation.measure(request, allocated, source);
}

function requestFor(
  { given, targetFormat }: MeasureArguments,
  creation: Creation,
  size: number,
): CreateRequest {
  const table = createOptionTable(creation, true);
  try {
    const values = typedOptions(given, table, "");
    const filename = values.get("backing_file");
    const backing = filename === undefined ? {} : { backing: { filename: String(filename) } };
    return { size, ...backing, options: presetOptions(table, values) };
  } catch (thrown) {
    printError(thrown);
    throw new CliError(`Invalid options for file format '${targetFormat}'`, 1);
  }
}

/** Bitmaps that can be copied, where the image's format has persistent ones. */
function sourceOf({ info }: BlockNode): MeasureSource {
  const { compat, bitmaps = [] } = info.specific ?? {};
  if (compat !== "1.1" || !Array.isArray(bitmaps)) return {};
  return { bitmaps: bitmaps.flatMap((bitmap) => measuredBitmap(bitmap)) };
}

function measuredBitmap(fact: Fact): MeasuredBitmap[] {
  const { name, granularity, flags } = fact as Readonly<Record<string, Fact>>;
  const isStale = Array.isArray(flags) && flags.includes("in-use");
  return isStale ? [] : [{ name: String(name), granularity: Number(granularity) }];
}

async function* nothing(): Ranges {}

async function* allocatedIn(image: BlockNode): Ranges {
  for (let offset = 0; offset < image.size; ) {
    const { length, state } = await chainExtentAt(image, offset, image.size - offset);
    if (state === "data") yield { offset, length };
    offset += length;
  }
}

function print({ json }: MeasureArguments, { required, fullyAllocated, bitmaps }: Measurement): number {
  if (json) {
    const members = {
      ...(bitmaps !== undefined && { bitmaps }),
      required,
      "fully-allocated": fullyAllocated,
    };
    stdout.line(jsonText(members, 4));
    return 0;
  }
  stdout.line(`required size: ${required}\nfully allocated size: ${fullyAllocated}`);
  if (bitmaps !== undefined) stdout.line(`bitmaps size: ${bitmaps}`);
  return 0;
}
