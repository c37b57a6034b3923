// The states of a log for the commands that show one: read from the log with the disk it was recorded on below.
import type { ImageSpec, NodeOptions } from "../block/driver.ts";
import type { BlockNode } from "../block/node.ts";
import { protocolLevel } from "../filter/children.ts";
import { type Graph, openGraph } from "../graph.ts";
import { buildIntervals } from "../writelog/intervalsBuild.ts";
import { takenUnasked } from "../writelog/replaySelect.ts";
import { LogStates } from "../writelog/state.ts";
import { CliError } from "./command.ts";
import { imageArgument } from "./imageArgument.ts";
import type { LogReadRequest, ReadLog } from "./logFile.ts";
import { openError } from "./openError.ts";

/** The given number of entries, or all that are taken unasked. Throws CliError where the log has fewer. */
export function entriesOr({ index }: ReadLog, given: number | undefined): number {
  if (given === undefined) return takenUnasked(index);
  if (given <= index.count) return given;
  throw new CliError(
    `The log has ${index.count} entries; ${given} of them can't be applied`,
    1,
    "Entries are counted: 0 is the disk before the first one, 1 the disk after entry 0.",
  );
}

/** The disk before the first entry as it was named: a file as it is, or json:{...} for what a format makes of one. */
export function baseSpec(base: string): ImageSpec {
  return protocolLevel(imageArgument(base, { imageOpts: false }).spec);
}

/** Opens the base for as long as `use` runs. Throws CliError. */
export async function withBase<T>(
  base: string | undefined,
  use: (base: BlockNode | undefined) => Promise<T>,
): Promise<T> {
  if (base === undefined) return use(undefined);
  const graph = await openBase(base).catch((error: unknown) => {
    throw openError(base, error, 1);
  });
  try {
    return await use(graph.root);
  } finally {
    await graph.close();
  }
}

/** Rejects for a malformed name as for a file that is not there. */
async function openBase(base: string): Promise<Graph> {
  return openGraph(baseSpec(base));
}

export async function statesOf({ index, node, signal }: ReadLog, base?: BlockNode): Promise<LogStates> {
  const intervals = await buildIntervals(index, { signal });
  return new LogStates({ log: node, index, intervals, base, discards: "zero" });
}

/** Bytes of the disk: as given, or of the base, or as far as the log writes. Throws CliError where that is behind it. */
export function diskSize(given: number | undefined, diskEnd: number, base: BlockNode | undefined): number {
  if (given === undefined) return Math.max(base?.size ?? 0, diskEnd);
  if (given >= diskEnd) return given;
  throw new CliError(`The log writes up to byte ${diskEnd} of its disk; it can't have only ${given}`, 1);
}

/** The options of the node that shows a state; the log as it was named on the command line. Throws BlockError. */
export function stateSpec(
  { log, imageOpts, recover }: Pick<LogReadRequest, "log" | "imageOpts" | "recover">,
  state: {
    readonly entry: number | undefined;
    readonly lost?: string | undefined;
    readonly base?: string | undefined;
    readonly size?: number | undefined;
  },
): NodeOptions {
  const { entry, lost, base, size } = state;
  return {
    driver: "logstate",
    log: protocolLevel(imageArgument(log, { imageOpts }).spec),
    ...(entry !== undefined && { entry }),
    ...(recover && { recover }),
    ...(lost !== undefined && lost !== "" && { lost }),
    ...(base !== undefined && { base: baseSpec(base) }),
    ...(size !== undefined && { size }),
  };
}
