// blkdebug: makes faults happen on purpose. Rules fail requests or change a state when steps of the driver above are
// reached; limits make it a disk of other block sizes; breakpoints bring requests into an order (filters reference, 4).
import * as z from "zod";
import { BlockError, type PeerWords } from "../../base/errors.ts";
import { codeOfErrno, strerror } from "../../base/strerror.ts";
import { Aligned, type AlignedTarget } from "../../block/aligned.ts";
import { defineDriver, type OpenContext } from "../../block/driver.ts";
import type {
  BlockNode,
  Breakpoints,
  Child,
  Extent,
  NodeInfo,
  ResizeOptions,
  WriteFlags,
  ZeroFlags,
} from "../../block/node.ts";
import {
  child,
  fileName,
  integer,
  listOf,
  notAnInteger,
  notOnOff,
  onOff,
  size,
} from "../../block/options.ts";
import { filteredExtent, protocolLevel } from "../children.ts";
import { debugEvents } from "../events.ts";
import { BreakpointList } from "./breakpoints.ts";
import { type ConfigRule, readConfig } from "./config.ts";
import { checkLimits, type Limits } from "./limits.ts";
import { type InjectRule, type IoType, ioTypes, Rules, type StateRule } from "./rules.ts";

const event = z.string("Missing event name for rule").refine((name) => debugEvents.has(name), {
  error: ({ input }) => `invalid parameter value: ${String(input)}`,
});

const injectError = z.strictObject({
  event,
  state: integer.default(0),
  errno: integer.default(5),
  sector: integer.optional(),
  once: onOff.default(false),
  immediately: onOff.default(false),
  iotype: z.enum(ioTypes).optional(),
});

const setState = z.strictObject({ event, state: integer.default(0), new_state: integer.default(0) });

export const blkdebug = defineDriver({
  kind: "filter",
  isPrefix: true,
  peerWords: rulePeerWords,
  options: z.strictObject({
    driver: z.literal("blkdebug"),
    image: child.describe("The image whose requests fail."),
    config: fileName(z.string()).describe("A file with rules, as QEMU's blkdebug reads them.").optional(),
    "inject-error": listOf(injectError, "must be a list of rules", { takesOne: true })
      .describe("Which requests fail, and with what error.")
      .default([]),
    "set-state": listOf(setState, "must be a list of rules", { takesOne: true })
      .describe("Steps that lead from one state of the rules to another.")
      .default([]),
    align: size.describe("Block size of the disk it pretends to be; 0: as the image.").default(0),
    "max-transfer": size.default(0),
    "opt-write-zero": size.default(0),
    "max-write-zero": size.default(0),
    "opt-discard": size.default(0),
    "max-discard": size.default(0),
    // Permissions are not negotiated here: accepted, without effect.
    "take-child-perms": z.unknown().optional(),
    "unshare-child-perms": z.unknown().optional(),
  }),
  open: async (options, context) => {
    const config =
      options.config === undefined || options.config === "" ? undefined : readConfig(options.config);
    const inject = [...rulesOf(injectError, config?.["inject-error"]), ...options["inject-error"]];
    const states = [...rulesOf(setState, config?.["set-state"]), ...options["set-state"]];
    const limits: Limits = {
      align: options.align,
      maxTransfer: options["max-transfer"],
      optWriteZero: options["opt-write-zero"],
      maxWriteZero: options["max-write-zero"],
      optDiscard: options["opt-discard"],
      maxDiscard: options["max-discard"],
    };
    checkLimits(limits);
    const image = await context.openChild("image", "data", protocolLevel(options.image));
    const rules = new Rules(inject.map(injectRule), states.map(stateRule));
    const node = new DebugNode(image, rules, limits, context);
    await node.raise("none");
    return node;
  },
});

/** The peer reads rules with a parser of their own. */
function rulePeerWords([section, index]: readonly string[], issue: z.core.$ZodIssue): PeerWords | undefined {
  if (index === undefined || (section !== "inject-error" && section !== "set-state")) return undefined;
  if (issue.code === "unrecognized_keys") {
    return { message: `[${section}] section doesn't support the option '${issue.keys[0]}'` };
  }
  return issue.path.at(-1) === "event" ? { message: issue.message } : undefined;
}

/** Rules of a configuration file are checked by the same schema as those of options. */
function rulesOf<S extends z.ZodType>(schema: S, given: readonly ConfigRule[] = []): z.output<S>[] {
  return given.map(({ where, options }) => {
    const parsed = schema.safeParse(options);
    if (parsed.success) return parsed.data;
    throw badRule(where, options, parsed.error);
  });
}

function badRule(where: string, options: Readonly<Record<string, string>>, error: z.ZodError): BlockError {
  // The peer looks at names first.
  const issue = error.issues.find(({ code }) => code === "unrecognized_keys") ?? error.issues[0];
  if (issue?.code === "unrecognized_keys") {
    const message = `Invalid parameter '${issue.keys[0]}'`;
    return new BlockError("EINVAL", `${where}: ${message}`, { peer: { message } });
  }
  const key = String(issue?.path[0] ?? "");
  const why = issue?.message ?? "not understood";
  const peer =
    issue?.message === notAnInteger
      ? `Parameter '${key}' expects a number`
      : issue?.message === notOnOff
        ? `Parameter '${key}' expects 'on' or 'off'`
        : key === "event"
          ? why
          : `invalid parameter value: ${options[key]}`;
  return new BlockError("EINVAL", `${where}: ${key}: ${why}`, { peer: { message: peer } });
}

function injectRule(given: z.output<typeof injectError>): InjectRule {
  const sector = given.sector === undefined || given.sector === -1 ? undefined : given.sector;
  return { ...given, sector, iotype: given.iotype };
}

function stateRule(given: z.output<typeof setState>): StateRule {
  return { event: given.event, state: given.state, newState: given.new_state };
}

class DebugNode implements BlockNode {
  readonly driver = "blkdebug";
  readonly name: string;
  readonly readOnly: boolean;
  readonly children: readonly Child[];
  readonly info: NodeInfo = {};
  readonly breakpoints: Breakpoints;
  readonly #image: BlockNode;
  readonly #rules: Rules;
  readonly #limits: Limits;
  readonly #breakpoints: BreakpointList;
  readonly #aligned: Aligned;
  readonly #context: OpenContext;

  constructor(image: BlockNode, rules: Rules, limits: Limits, context: OpenContext) {
    this.name = context.name;
    this.readOnly = context.readOnly;
    this.children = [{ name: "image", role: "data", node: image }];
    this.#image = image;
    this.#rules = rules;
    this.#limits = limits;
    this.#context = context;
    this.#breakpoints = new BreakpointList(context.name, (event) => context.event(event));
    this.breakpoints = this.#breakpoints;
    this.#aligned = new Aligned(this.#below(), Math.max(1, limits.align));
  }

  get size(): number {
    return this.#image.size;
  }

  async raise(event: string): Promise<void> {
    this.#rules.reach(event);
    await this.#breakpoints.reach(event);
    // A blkdebug below this one hears it too.
    await this.#image.raise?.(event);
  }

  read(offset: number, target: Uint8Array): Promise<void> {
    return this.#aligned.read(offset, target);
  }

  async write(offset: number, source: Uint8Array, flags?: WriteFlags): Promise<void> {
    await this.#aligned.write(offset, source);
    if (flags?.fua) await this.flush();
  }

  /** Parts shorter than `opt-write-zero` are written as zero bytes, the rest in pieces of `max-write-zero`. */
  async writeZeroes(offset: number, length: number, flags: ZeroFlags = {}): Promise<void> {
    const { fua, ...others } = flags;
    const { optWriteZero, maxWriteZero } = this.#limits;
    const { head, middle } = inUnits(offset, length, optWriteZero);
    const isWhole = head === 0 && middle === length;
    if (others.noFallback && !isWhole) {
      throw new BlockError("ENOTSUP", `${this.name} zeroes only whole units of ${optWriteZero} bytes`);
    }
    if (head > 0) await this.write(offset, new Uint8Array(head));
    for (const [at, size] of pieces(offset + head, middle, maxWriteZero)) {
      await this.#aligned.writeZeroes(at, size, others);
    }
    const done = head + middle;
    if (done < length) await this.write(offset + done, new Uint8Array(length - done));
    if (fua) await this.flush();
  }

  /** A hint: what is shorter than a block is left as it is. What surrounds whole units of `opt-discard` goes apart. */
  async discard(offset: number, length: number): Promise<void> {
    const { optDiscard, maxDiscard } = this.#limits;
    const align = Math.max(1, this.#limits.align);
    const first = Math.ceil(offset / align) * align;
    const blocks = Math.max(0, Math.floor((offset + length) / align) * align - first);
    const { head, middle } = inUnits(first, blocks, optDiscard);
    const tail = blocks - head - middle;
    const parts = [...pieces(first, head, 0), ...pieces(first + head, middle, maxDiscard)];
    for (const [at, size] of [...parts, ...pieces(first + head + middle, tail, 0)]) {
      await this.#mayFail("discard", at, size);
      await this.#image.discard(at, size);
    }
  }

  async flush(): Promise<void> {
    await this.#mayFail("flush", 0, 0);
    await this.#image.flush();
  }

  resize(size: number, options?: ResizeOptions): Promise<void> {
    return this.#image.resize(size, options);
  }

  async extentAt(offset: number, length: number): Promise<Extent> {
    await this.#mayFail("block-status", offset, length);
    return filteredExtent(this.#image, offset, length);
  }

  async close(): Promise<void> {
    this.#breakpoints.releaseAll();
  }

  #below(): AlignedTarget {
    const image = this.#image;
    const most = this.#limits.maxTransfer;
    return {
      get size() {
        return image.size;
      },
      raise: (event) => this.raise(event),
      read: async (offset, target) => {
        for (const [at, size] of pieces(offset, target.length, most)) {
          await this.#mayFail("read", at, size);
          await image.read(at, target.subarray(at - offset, at - offset + size));
        }
      },
      write: async (offset, source) => {
        for (const [at, size] of pieces(offset, source.length, most)) {
          await this.#mayFail("write", at, size);
          await image.write(at, source.subarray(at - offset, at - offset + size));
        }
      },
      writeZeroes: async (offset, length, flags) => {
        await this.#mayFail("write-zeroes", offset, length);
        await image.writeZeroes(offset, length, flags);
      },
    };
  }

  /** Throws the error that a rule has for the request. */
  async #mayFail(op: IoType, offset: number, length: number): Promise<void> {
    const rule = this.#rules.failing(op, offset, length);
    if (rule === undefined) return;
    if (!rule.immediately) await new Promise((resolve) => setImmediate(resolve));
    this.#context.event({ kind: "injected", node: this.name, op, offset, length, errno: rule.errno });
    const error = {
      code: codeOfErrno(rule.errno),
      context: { node: this.name, offset, length, errno: rule.errno },
    };
    throw new BlockError(error.code, `Injected by a rule of ${this.name}: ${strerror(error)}`, error.context);
  }
}

/** How much of a range lies before its first whole unit, and how many bytes its whole units have. */
function inUnits(offset: number, length: number, unit: number): { head: number; middle: number } {
  if (unit <= 1) return { head: 0, middle: length };
  const head = Math.min(length, (unit - (offset % unit)) % unit);
  return { head, middle: Math.floor((length - head) / unit) * unit };
}

/** The range in pieces of at most `most` bytes; 0 is no limit. */
function* pieces(offset: number, length: number, most: number): Generator<[offset: number, length: number]> {
  const step = most === 0 ? length : most;
  for (let done = 0; done < length; done += step) yield [offset + done, Math.min(step, length - done)];
}
