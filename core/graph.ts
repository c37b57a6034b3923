// Opens and closes a tree of nodes from a file name or a tree of options. A plain name is probed; whatever
// fails on the way, everything opened before is closed again, in reverse, and the first error is reported.
import type * as z from "zod";
import { asBlockError, BlockError } from "./base/errors.ts";
import type {
  BackingPolicy,
  CacheMode,
  DirtyPolicy,
  Driver,
  ImageSpec,
  NodeOptions,
  OpenContext,
} from "./block/driver.ts";
import type { NodeEvent } from "./block/events.ts";
import { guard } from "./block/guard.ts";
import type { BlockNode } from "./block/node.ts";
import { child, generic } from "./block/options.ts";
import { driverForFile } from "./protocol/fileKind.ts";
import { driverNamed, drivers, probe, probeLength } from "./registry.ts";

/** Images on top of each other. Longer chains exist nowhere but in hostile images. */
export const maxBackingDepth = 200;
/** Nodes on the way from the root to any other. More than the longest chain of images needs, less than the stack. */
const maxNesting = 1000;

export interface OpenOptions {
  /** Default true. */
  readonly readOnly?: boolean;
  /** Default "open". */
  readonly backing?: BackingPolicy;
  /** Format instead of probing the top image. */
  readonly format?: string;
  /** What to do with a dirty image that is opened for writing. Default "report". */
  readonly dirty?: DirtyPolicy;
  /** Takes no locks; read-only opens only. Default false. */
  readonly forceShare?: boolean;
  /**
   * Takes no locks on backing files: the caller opens one of them for writing, and a lock held by this graph would
   * keep it out. Default false.
   */
  readonly shareBacking?: boolean;
  /** Default writeback: all false. */
  readonly cache?: Partial<CacheMode>;
  /** Hears what the person should know, such as a guess of the format. Default: nobody does. */
  warn?(message: string): void;
  /** Hears what debugging drivers notice. */
  event?(event: NodeEvent): void;
}

export interface Graph {
  readonly root: BlockNode;
  /** Every node, root first. */
  readonly nodes: readonly BlockNode[];
  /** The node named by a path of child names from the root: "" is the root, "file", "backing/file". */
  nodeAt(path: string): BlockNode | undefined;
  close(): Promise<void>;
}

/** The spec that always means this very file, whatever colons its name has; its format is probed. */
export function imageSpecForPath(filename: string): ImageSpec {
  return { file: { driver: "file", filename } };
}

/**
 * Opens an image read-only unless asked otherwise. Throws BlockError: ENOENT, EACCES, EINVAL (bad options, not
 * an image), ENOTSUP (features, protocols), ECORRUPT (breaks its format's rules, a backing file of itself).
 */
export async function openGraph(spec: ImageSpec, options: OpenOptions = {}): Promise<Graph> {
  const opener = new Opener(options);
  try {
    const root = await opener.openTop(parseSpec(spec), options.format);
    return new OpenGraph(root, opener.opened);
  } catch (error) {
    await closeAll(opener.opened, () => undefined);
    throw asBlockError(error);
  }
}

class OpenGraph implements Graph {
  readonly root: BlockNode;
  readonly nodes: readonly BlockNode[];

  constructor(root: BlockNode, opened: readonly BlockNode[]) {
    this.root = root;
    this.nodes = [...opened].reverse();
  }

  nodeAt(where: string): BlockNode | undefined {
    let node: BlockNode | undefined = this.root;
    for (const name of where === "" ? [] : where.split("/")) {
      node = node?.children.find((child) => child.name === name)?.node;
    }
    return node;
  }

  async close(): Promise<void> {
    let first: unknown;
    await closeAll([...this.nodes].reverse(), (error) => {
      first ??= error;
    });
    if (first !== undefined) throw first;
  }
}

/** Closes the last opened first: parents are opened after their children, so leaves come last. */
async function closeAll(opened: readonly BlockNode[], failed: (error: unknown) => void): Promise<void> {
  for (const node of [...opened].reverse()) {
    try {
      await node.close();
    } catch (error) {
      failed(error);
    }
  }
}

/** One image of a backing chain: the files it stands on, and those of the images above it. */
interface Level {
  readonly depth: number;
  readonly above: ReadonlySet<string>;
  readonly own: Set<string>;
  readonly readOnly: boolean;
}

class Opener {
  readonly opened: BlockNode[] = [];
  readonly #options: OpenOptions;
  readonly #names = new Set<string>();
  /** Files opened for probing, waiting for the format that was found to ask for them. */
  readonly #ready = new Map<string, BlockNode>();

  constructor(options: OpenOptions) {
    this.#options = options;
  }

  openTop(tree: NodeOptions, format: string | undefined): Promise<BlockNode> {
    if (format !== undefined && !driverNamed(format))
      throw new BlockError("EINVAL", `Unknown driver '${format}'`);
    const top = format === undefined || tree.driver !== undefined ? tree : { ...tree, driver: format };
    const level = {
      depth: 0,
      above: new Set<string>(),
      own: new Set<string>(),
      readOnly: this.#options.readOnly ?? true,
    };
    return this.#open("", top, level);
  }

  /** `guessed`: the driver among the options is the one found by probing. */
  async #open(where: string, tree: NodeOptions, level: Level, guessed = false): Promise<BlockNode> {
    if (where.split("/").length > maxNesting) {
      throw new BlockError("EINVAL", `The options are nested deeper than ${maxNesting} nodes`);
    }
    const { "node-name": _name, "read-only": _readOnly, ...options } = tree;
    if (options.driver === undefined) return this.#openProbed(where, tree, level);
    const driver = driverNamed(String(options.driver));
    const common = generic.safeParse(tree);
    if (!common.success) throw badOptions(where, String(options.driver), common.error);
    if (!driver) {
      throw new BlockError("EINVAL", `Unknown driver '${String(options.driver)}'`, {
        hint: `Known drivers: ${Object.keys(drivers).join(", ")}.`,
      });
    }
    const parsed = driver.options.safeParse(options);
    if (!parsed.success) throw badOptions(where, String(options.driver), parsed.error);
    const name = this.#uniqueName(where, common.data["node-name"]);
    const readOnly = level.readOnly || (common.data["read-only"] ?? false);
    const context = {
      ...this.#context(where, name, { ...level, readOnly }, hasTables(driver, options.driver)),
      guessFormat: guessed ? probe : undefined,
    };
    const node = guard(await driver.open(parsed.data, context));
    this.opened.push(node);
    return node;
  }

  /** Opens `file`, looks at its first bytes, and puts the format found on top. */
  async #openProbed(where: string, tree: NodeOptions, level: Level): Promise<BlockNode> {
    if (tree.file === undefined) throw new BlockError("EINVAL", "Must specify either driver or file");
    const below = inside(where, "file");
    const spec = child.safeParse(tree.file);
    if (!spec.success) {
      throw new BlockError("EINVAL", `Invalid option '${dotted(below)}': ${spec.error.issues[0]?.message}`);
    }
    const file = await this.#open(below, parseSpec(spec.data), level);
    const driver = probe(await headOf(file));
    this.#ready.set(below, file);
    return this.#open(where, { ...tree, driver }, level, true);
  }

  #uniqueName(where: string, given: string | undefined): string {
    const wanted = given ?? (where === "" ? "top" : where);
    if (this.#names.has(wanted)) throw new BlockError("EINVAL", `Two nodes are named '${wanted}'`);
    this.#names.add(wanted);
    return wanted;
  }

  /** `tables`: the node keeps tables in its file, so that others may not write it meanwhile. */
  #context(where: string, name: string, level: Level, tables: boolean): OpenContext {
    return {
      name,
      readOnly: level.readOnly,
      backing: this.#options.backing ?? "open",
      dirty: this.#options.dirty ?? "report",
      sharing: {
        forceShare: (this.#options.forceShare || (level.depth > 0 && this.#options.shareBacking)) ?? false,
      },
      cache: { writethrough: false, direct: false, noFlush: false, ...this.#options.cache },
      warn: (message) => this.#options.warn?.(message),
      event: (event) => this.#options.event?.(event),
      baseDir: process.cwd(),
      fileOpened: (identity, filename) => {
        if (level.above.has(identity)) {
          throw new BlockError("ECORRUPT", `Backing file '${filename}' creates an infinite loop`, {
            hint: "An image in the chain names itself or an image above it as its backing file.",
          });
        }
        level.own.add(identity);
      },
      openChild: async (name, role, spec) => {
        const place = inside(where, name);
        const ready = this.#ready.get(place);
        this.#ready.delete(place);
        const node =
          ready ?? (await this.#open(place, parseSpec(spec), role === "backing" ? below(level) : level));
        if (tables && role === "file") await excludeWriters(node);
        return node;
      },
    };
  }
}

/** Formats but raw, which may be read while others write it. */
function hasTables(driver: Driver, name: string): boolean {
  return driver.kind === "format" && name !== "raw";
}

async function excludeWriters(node: BlockNode): Promise<void> {
  if (node.excludeWriters) return node.excludeWriters();
  for (const below of node.children) {
    if (below.role === "file") await excludeWriters(below.node);
  }
}

/** The first bytes, for probing. A disk with a bad first sector can still be opened in a format that is given. */
async function headOf(file: BlockNode): Promise<Uint8Array> {
  const head = new Uint8Array(Math.min(probeLength, file.size));
  try {
    await file.read(0, head);
    return head;
  } catch (thrown) {
    const { code, message, context } = asBlockError(thrown);
    const hint = "Give the format, for example raw, to open it without looking at its beginning.";
    throw new BlockError(
      code,
      `Could not tell the format: ${message}`,
      { ...context, hint },
      { cause: thrown },
    );
  }
}

function below(level: Level): Level {
  if (level.depth + 1 > maxBackingDepth) {
    throw new BlockError("ECORRUPT", `More than ${maxBackingDepth} backing files stand on each other`, {
      hint: "Open one of the images below it, or flatten part of the chain with qemu-img commit.",
    });
  }
  return {
    depth: level.depth + 1,
    above: new Set([...level.above, ...level.own]),
    own: new Set(),
    readOnly: true,
  };
}

function inside(where: string, name: string): string {
  return where === "" ? name : `${where}/${name}`;
}

/** A node's place as its options are written: "backing.file". */
function dotted(where: string): string {
  return where.replaceAll("/", ".");
}

function badOptions(where: string, driver: string, error: z.ZodError): BlockError {
  const [issue] = error.issues;
  const keys = issue?.code === "unrecognized_keys" ? issue.keys : [];
  const at = [where === "" ? [] : dotted(where), issue?.path ?? [], keys.slice(0, 1)].flat().join(".");
  const kind = driverNamed(driver)?.kind === "protocol" ? "protocol" : "format";
  const message =
    keys.length > 0
      ? `Block ${kind} '${driver}' does not support the option '${at}'`
      : `Invalid option '${at}' of '${driver}': ${issue?.message ?? "not understood"}`;
  return new BlockError("EINVAL", message);
}

/** "json:{...}", "file:name", a plain name, or an option tree whose dotted keys are nested. Throws EINVAL. */
export function parseSpec(spec: ImageSpec): NodeOptions {
  if (typeof spec !== "string") return nest(spec);
  if (spec.startsWith("json:")) return nest(parseJson(spec.slice(5)));
  const colon = spec.indexOf(":");
  const slash = spec.indexOf("/");
  if (colon >= 0 && (slash < 0 || colon < slash)) {
    const protocol = spec.slice(0, colon);
    if (protocol !== "file") {
      throw new BlockError("EINVAL", `Unknown protocol '${protocol}'`, {
        hint: `For a file of that name write ./${spec}`,
      });
    }
    return { file: { driver: "file", filename: spec.slice(colon + 1) } };
  }
  if (spec === "") throw new BlockError("ENOENT", "The file name is empty");
  return { file: { driver: driverForFile(spec), filename: spec } };
}

function parseJson(text: string): NodeOptions {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BlockError("EINVAL", `Could not parse the JSON options: ${why}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new BlockError("EINVAL", "Invalid JSON object given");
  }
  return value as NodeOptions;
}

/** `{"file.filename": x}` as `{file: {filename: x}}`. */
function nest(options: NodeOptions): NodeOptions {
  if (!Object.keys(options).some((key) => key.includes("."))) return options;
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options)) {
    const parts = key.split(".");
    let target = result;
    for (const part of parts.slice(0, -1)) {
      const inner = Object.hasOwn(target, part) ? target[part] : {};
      if (typeof inner !== "object" || inner === null) {
        throw givenTwice(part);
      }
      target = setOwn(target, part, { ...inner });
    }
    const last = parts.at(-1) ?? key;
    if (Object.hasOwn(target, last)) throw givenTwice(last);
    setOwn(target, last, value);
  }
  return result;
}

function givenTwice(name: string): BlockError {
  return new BlockError("EINVAL", `The option '${name}' is given both as a value and as a group`);
}

/** Sets an own property even for names such as "__proto__". */
function setOwn(target: Record<string, unknown>, key: string, value: unknown): Record<string, unknown> {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  return value as Record<string, unknown>;
}
