// The work of `measure`.
import type { CreateRequest, Creation, Measurement } from "../block/driver.ts";
import { chainExtentAt } from "../block/extents.ts";
import type { BlockNode } from "../block/node.ts";
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
  if (file === undefined) return print(args, await measured(args, size, nothing()));
  const request = { imageOpts, format, forceShare };
  let image = await openImage(file, request);
  try {
    if (args.snapshot !== undefined) image = await openSnapshot(image, request, args.snapshot);
    const { root } = image.graph;
    return print(args, await measured(args, sizeInSectors(root), allocatedIn(root)));
  } finally {
    await image.graph.close();
  }
}

type Ranges = AsyncIterable<{ offset: number; length: number }>;

async function measured(args: MeasureArguments, size: number, allocated: Ranges): Promise<Measurement> {
  const { targetFormat } = args;
  const creation = creationOf(targetFormat);
  const request = { size, options: optionsOf(args, creation) } satisfies CreateRequest;
  if (creation.measure === undefined) {
    throw new CliError(`Block driver '${targetFormat}' does not support size measurement`, 1);
  }
  return creation.measure(request, allocated);
}

function optionsOf({ given, targetFormat }: MeasureArguments, creation: Creation): CreateRequest["options"] {
  const table = createOptionTable(creation, true);
  try {
    return presetOptions(table, typedOptions(given, table, ""));
  } catch (thrown) {
    printError(thrown);
    throw new CliError(`Invalid options for file format '${targetFormat}'`, 1);
  }
}

async function* nothing(): Ranges {}

async function* allocatedIn(image: BlockNode): Ranges {
  for (let offset = 0; offset < image.size; ) {
    const { length, state } = await chainExtentAt(image, offset, image.size - offset);
    if (state === "data") yield { offset, length };
    offset += length;
  }
}

function print({ json }: MeasureArguments, { required, fullyAllocated }: Measurement): number {
  if (json) stdout.line(jsonText({ required, "fully-allocated": fullyAllocated }, 4));
  else stdout.line(`required size: ${required}\nfully allocated size: ${fullyAllocated}`);
  return 0;
}
