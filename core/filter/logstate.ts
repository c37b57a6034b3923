// logstate: the disk as it was after a number of entries of its log, as a read-only node. It can be looked at, compared,
// checked and converted like any image, and images can stand on it; nothing is replayed to show it.
import * as z from "zod";
import { BlockError } from "../base/errors.ts";
import { defineDriver, type ImageSpec, type NodeOptions, type OpenContext } from "../block/driver.ts";
import type { BlockNode, Child, Extent, NodeInfo } from "../block/node.ts";
import { child, integer, onOff, size } from "../block/options.ts";
import { formatLost, type LostWrites, nothingLost, parseLost } from "../writelog/lost.ts";
import { gapTexts } from "../writelog/recover.ts";
import { lacksEntries, leftOutText, takenUnasked } from "../writelog/replaySelect.ts";
import { LogStates } from "../writelog/state.ts";
import { type StateLog, tablesOf } from "../writelog/stateCache.ts";
import { protocolLevel } from "./children.ts";

export const logstate = defineDriver({
  kind: "filter",
  options: z.strictObject({
    driver: z.literal("logstate"),
    log: child.describe("The log. It is only read."),
    entry: integer
      .optional()
      .describe(
        "Entries applied: 0 is the disk before the first, 1 the disk after entry 0. All that are counted when left out.",
      ),
    recover: onOff
      .default(false)
      .describe(
        "Entries behind damage in the log are looked for too: likely ones, with others missing before them.",
      ),
    lost: z
      .string("must be a list of entries")
      .optional()
      .describe("Entries that a crash took: 5,7-9 whole ones, 12:0-3 sectors of one."),
    base: child.optional().describe("The disk before the first entry. All zeroes when left out."),
    size: size
      .optional()
      .describe("Length of the disk. As long as the base, and as far as the log writes, when left out."),
    discards: z
      .enum(["zero", "unknown"], "must be zero or unknown")
      .default("zero")
      .describe("What discarded ranges are. Both read as zeroes; unknown ones are not said to be zero."),
  }),
  open: async (options, context) => {
    if (!context.readOnly) {
      throw new BlockError("EACCES", "A state of a log can't be written to", {
        hint: "Open it read-only. To write to it, lay a new image over it, with it as the backing file.",
        peer: { message: "Block node is read-only" },
      });
    }
    const source = await LogChild.open(options.log, context);
    const { index, intervals } = await tablesOf(source, options.recover);
    const log = source.node;
    const base = options.base && (await context.openChild("base", "backing", protocolLevel(options.base)));
    if (index.end.kind === "foreign") {
      const hint = options.recover ? "No entries were found in it either." : lostBeginning;
      const where = { node: log.name, option: "log", ...(log.size > 0 && { hint }) };
      throw new BlockError("EINVAL", index.end.message, where);
    }
    const states = new LogStates({ log, index, intervals, base, discards: options.discards });
    const count = options.entry ?? takenUnasked(index);
    const leftOut = options.entry === undefined ? leftOutText(index) : undefined;
    if (options.entry === undefined && lacksEntries(index)) {
      context.warn(`${index.end.message}${options.recover ? "" : `; ${recoverWords}`}`);
    }
    if (leftOut !== undefined) context.warn(`${leftOut}; the option 'entry' reaches them`);
    states.checkCount(count);
    for (const text of gapTexts(index, 0, count)) context.warn(text);
    const lost = options.lost === undefined ? nothingLost : parseLost(options.lost);
    checkLost(lost, count);
    const [size, sizeFrom] = sizeOf(options.size, base, index.diskEnd);
    if (size < index.diskEnd) {
      context.warn(
        `The log goes up to byte ${index.diskEnd} of its disk: what lies behind ${size} is not shown`,
      );
    }
    return new StateNode({ states, log, count, lost, size, sizeFrom, context });
  },
});

/** The log's node, which may be opened again while it is being read. */
class LogChild implements StateLog {
  readonly #spec: ImageSpec;
  readonly #context: OpenContext;
  #node: BlockNode;

  private constructor(spec: ImageSpec, context: OpenContext, node: BlockNode) {
    this.#spec = spec;
    this.#context = context;
    this.#node = node;
  }

  static async open(given: NodeOptions, context: OpenContext): Promise<LogChild> {
    const spec = protocolLevel(given);
    return new LogChild(spec, context, await context.openChild("log", "log", spec));
  }

  get node(): BlockNode {
    return this.#node;
  }

  async reopen(): Promise<void> {
    this.#node = await this.#context.reopenChild("log", "log", this.#spec);
  }
}

const recoverWords = "recover=on (--recover) looks for entries behind it";
const lostBeginning = "If its beginning is lost, recover=on (--recover) looks for entries.";

function checkLost(lost: LostWrites, count: number): void {
  const behind = [...lost.keys()].find((entry) => entry >= count);
  if (behind === undefined) return;
  throw new BlockError("EINVAL", `Entry ${behind} can't be lost: only ${count} entries are applied`, {
    option: "lost",
    hint: "Entries are counted from 0: the last one that is applied is entry minus 1.",
  });
}

type SizeFrom = "option" | "base" | "log";

/** Logs do not say how long their disk is: as long as the base, and longer where it grew, as an image's file does. */
function sizeOf(given: number | undefined, base: BlockNode | undefined, end: number): [number, SizeFrom] {
  if (given !== undefined) return [given, "option"];
  return base !== undefined && base.size >= end ? [base.size, "base"] : [end, "log"];
}

export interface StateNodeOptions {
  readonly states: LogStates;
  readonly log: BlockNode;
  /** Entries applied. */
  readonly count: number;
  /** Of these, what a crash took. */
  readonly lost: LostWrites;
  /** Bytes. */
  readonly size: number;
  readonly sizeFrom: SizeFrom;
  readonly context: Pick<OpenContext, "name">;
}

class StateNode implements BlockNode {
  readonly driver = "logstate";
  readonly name: string;
  readonly readOnly = true;
  readonly children: readonly Child[];
  readonly size: number;
  readonly info: NodeInfo;
  readonly #states: LogStates;
  readonly #count: number;
  readonly #lost: LostWrites;

  constructor({ states, log, count, lost, size, sizeFrom, context }: StateNodeOptions) {
    const { index, base, discards } = states;
    this.name = context.name;
    this.children = [
      { name: "log", role: "log", node: log },
      ...(base ? [{ name: "base", role: "backing", node: base } as const] : []),
    ];
    this.size = size;
    this.info = {
      specific: {
        "entries-applied": count,
        ...(lost.size > 0 && { "entries-lost": formatLost(lost) }),
        "entries-in-log": index.count,
        "entries-counted": index.counted,
        ...(index.recovered[0] !== undefined && { "entries-before-damage": index.recovered[0].first }),
        "log-end": index.end.kind,
        "log-is-whole": !lacksEntries(index),
        "size-from": sizeFrom,
        "disk-end-in-log": index.diskEnd,
        discards,
      },
    };
    this.#states = states;
    this.#count = count;
    this.#lost = lost;
  }

  read(offset: number, target: Uint8Array): Promise<void> {
    return this.#states.read(this.#count, offset, target, this.#lost);
  }

  async extentAt(offset: number, length: number): Promise<Extent> {
    const found = await this.#states.extentAt(this.#count, offset, length, this.#lost);
    return { offset, length: found.length, state: found.state, compressed: false, hostOffset: undefined };
  }

  async describeAt(offset: number): Promise<string> {
    return this.#states.describeAt(this.#count, offset, this.#lost);
  }

  write(): Promise<void> {
    return this.#refuse();
  }

  writeZeroes(): Promise<void> {
    return this.#refuse();
  }

  discard(): Promise<void> {
    return this.#refuse();
  }

  resize(): Promise<void> {
    return this.#refuse();
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {}

  async #refuse(): Promise<never> {
    throw new BlockError("EROFS", `${this.name} is the state of a log: it can't be written to`);
  }
}
