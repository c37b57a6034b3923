// Opens and closes a tree of nodes from a file name or a tree of options. A plain name is probed; whatever
// fails on the way, everything opened before is closed again, in reverse, and the first error is reported.
import { asBlockError, BlockError } from "./base/errors.ts";
import { meetDirtyImage } from "./block/dirty.ts";
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
import { childOf } from "./block/extents.ts";
import { guard } from "./block/guard.ts";
import type { BlockNode, Child } from "./block/node.ts";
import { badOptions } from "./block/optionError.ts";
import { type GenericOptions, generic, referenceTo, referredNode, withoutGeneric } from "./block/options.ts";
import type { WritePolicy } from "./block/policy.ts";
import { bundleMagic, isBundle } from "./bundle/layout.ts";
import { canonicalName } from "./canonicalName.ts";
import { driverForFile } from "./protocol/fileKind.ts";
import { driverNamed, drivers, probe, probeLength } from "./registry.ts";
import { isOptions, parseSpec } from "./spec.ts";

/** Images on top of each other. Longer chains exist nowhere but in hostile images. */
export const maxBackingDepth = 200;
/** Nodes on the way from the root to any other. More than the longest chain of images needs, less than the stack. */
const maxNesting = 1000;

export interface OpenOptions {
  /** Default true. */
  readonly readOnly?: boolean;
  /** Default "plain". */
  readonly backing?: BackingPolicy;
  /** Format instead of probing the top image. */
  readonly format?: string;
  /** What to do with a dirty image that is opened for writing. Default "report". */
  readonly dirty?: DirtyPolicy;
  /**
   * Its structure is to be looked at: what is damaged beside the disk's own tables does not keep it from opening. Default:
   * whether it is opened to be repaired (`dirty`: untouched); for a check (skip) as much may be damaged as the peer's allows.
   */
  readonly toInspect?: boolean;
  /** Takes no locks; read-only opens only. Default false. */
  readonly forceShare?: boolean;
  /**
   * Takes no locks on backing files: the caller opens one of them for writing, and a lock held by this graph would
   * keep it out. Default false.
   */
  readonly shareBacking?: boolean;
  /** Default writeback: all false. */
  readonly cache?: Partial<CacheMode>;
  /** What a discard of the top node does, where its options do not say. Default "unmap": it reaches the driver. */
  readonly discard?: "ignore" | "unmap";
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
  /** What nodes inherit from the one above them unless their own options say otherwise. */
  readonly readOnly: boolean;
  readonly autoReadOnly: boolean;
  readonly forceShare: boolean;
  readonly direct: boolean;
  readonly noFlush: boolean;
}

class Opener {
  readonly opened: BlockNode[] = [];
  readonly #options: OpenOptions;
  readonly #names = new Set<string>();
  /** Nodes whose names were given, which others may refer to. */
  readonly #named = new Map<string, BlockNode>();
  /** Files opened for probing, waiting for the format that was found to ask for them. */
  readonly #ready = new Map<string, BlockNode>();
  /** By place, who is told the format that is found there. */
  readonly #toldGuess = new Map<string, (format: string) => void>();

  constructor(options: OpenOptions) {
    this.#options = options;
  }

  openTop(tree: NodeOptions, format: string | undefined): Promise<BlockNode> {
    const { readOnly = true, forceShare = false, cache } = this.#options;
    const level = {
      depth: 0,
      above: new Set<string>(),
      own: new Set<string>(),
      readOnly,
      autoReadOnly: false,
      forceShare,
      direct: cache?.direct ?? false,
      noFlush: cache?.noFlush ?? false,
    };
    return this.#open("", withFormat(tree, format), level);
  }

  async #open(where: string, tree: NodeOptions, above: Level): Promise<BlockNode> {
    if (where.split("/").length > maxNesting) {
      throw new BlockError("EINVAL", `The options are nested deeper than ${maxNesting} nodes`);
    }
    const referred = referredNode(tree);
    if (referred !== undefined) return this.#referred(referred);
    const own = genericOptions(where, tree);
    const level = inherited(above, own);
    if (!level.autoReadOnly || above.autoReadOnly || level.readOnly) {
      return this.#openAs(where, tree, own, level);
    }
    return this.#openWritableIfAllowed(where, tree, own, level);
  }

  /** auto-read-only: what may not be opened for writing is opened for reading, with all that is below. */
  async #openWritableIfAllowed(
    where: string,
    tree: NodeOptions,
    own: GenericOptions,
    level: Level,
  ): Promise<BlockNode> {
    const closeAgain = this.#mark();
    try {
      return await this.#openAs(where, tree, own, level);
    } catch (error) {
      if (!["EACCES", "EPERM", "EROFS"].includes(asBlockError(error).code)) throw error;
    }
    await closeAgain();
    return this.#openAs(where, tree, own, { ...level, readOnly: true });
  }

  /** Answers what closes and forgets all that is opened from now on. */
  #mark(): () => Promise<void> {
    const before = this.opened.length;
    const names = [...this.#names];
    return async () => {
      const gone = this.opened.splice(before);
      await closeAll(gone, () => undefined);
      for (const [name, node] of this.#named) if (gone.includes(node)) this.#named.delete(name);
      for (const [place, node] of this.#ready) if (gone.includes(node)) this.#ready.delete(place);
      this.#names.clear();
      for (const name of names) this.#names.add(name);
    };
  }

  /**
   * The file of a format. One that is a metadata-only bundle is opened as that, so that it stands for the file whose
   * tables it holds.
   */
  async #openFile(where: string, tree: NodeOptions, level: Level): Promise<BlockNode> {
    const closeAgain = this.#mark();
    const file = await this.#open(where, tree, level);
    const holdsBytes = driverNamed(file.driver)?.kind === "protocol";
    if (!holdsBytes || !(await startsAsBundle(file))) return file;
    await closeAgain();
    return this.#open(where, { driver: "bundle", file: tree }, level);
  }

  #referred(name: string): BlockNode {
    const node = this.#named.get(name);
    if (node !== undefined) return node;
    throw new BlockError("EINVAL", `Cannot find device='${name}' nor node-name='${name}'`, {
      hint: "An option that is a node is given by its own options (file.filename=NAME) or by the node-name of one defined before it.",
    });
  }

  /** `guessed`: the driver among the options is the one found by probing. */
  async #openAs(
    where: string,
    tree: NodeOptions,
    own: GenericOptions,
    level: Level,
    guessed = false,
  ): Promise<BlockNode> {
    if (tree.driver === undefined) return this.#openProbed(where, tree, own, level);
    const driver = driverNamed(String(tree.driver));
    if (!driver) throw unknownDriver(tree.driver);
    const parsed = driver.options.safeParse(this.#withoutEmptyBacking(withoutGeneric(tree)));
    if (!parsed.success) throw badOptions(dotted(where), tree, driver, parsed.error);
    const name = this.#uniqueName(where, own["node-name"]);
    const context = {
      ...this.#context(where, name, level, hasTables(driver, tree.driver)),
      guessFormat: guessed ? probe : undefined,
    };
    const opened = await driver
      .open(parsed.data, context)
      .catch((error) => Promise.reject(placed(error, where)));
    const node = guard(opened, this.#policy(where, own));
    this.opened.push(node);
    const file = childOf(node, "file");
    if (!node.readOnly && node.info.dirty === true && file !== undefined) {
      await meetDirtyImage(node, file, context.dirty, context);
    }
    if (own["node-name"] !== undefined) this.#named.set(own["node-name"], node);
    return node;
  }

  #policy(where: string, own: GenericOptions): WritePolicy {
    const top = where === "";
    return {
      discard: own.discard ?? (top ? (this.#options.discard ?? "unmap") : "unmap"),
      detectZeroes: own["detect-zeroes"] ?? "off",
      writethrough: top && (this.#options.cache?.writethrough ?? false),
    };
  }

  /** The older way to say that there is none. */
  #withoutEmptyBacking(options: NodeOptions): NodeOptions {
    if (options.backing !== "") return options;
    this.#options.warn?.('Use of "backing": "" is deprecated; use "backing": null instead');
    return { ...options, backing: null };
  }

  /** Opens `file`, looks at its first bytes, and puts the format found on top. */
  async #openProbed(where: string, tree: NodeOptions, own: GenericOptions, level: Level): Promise<BlockNode> {
    if (tree.file === undefined) throw new BlockError("EINVAL", "Must specify either driver or file");
    const below = inside(where, "file");
    const spec = typeof tree.file === "string" ? referenceTo(tree.file) : tree.file;
    if (!isOptions(spec)) {
      const message = `Invalid option '${dotted(below)}': must be the options of a node`;
      throw new BlockError("EINVAL", message, { peer: { message: "Must specify either driver or file" } });
    }
    const fileTree = atFile(parseSpec(spec));
    const file = await this.#openFile(below, fileTree, level);
    const driver = formatInBundle(file) ?? probe(await headOf(file));
    this.#ready.set(below, file);
    this.#toldGuess.get(where)?.(driver);
    if (driver === "raw" && !level.readOnly) this.#options.warn?.(guessedRaw(canonicalName(fileTree)));
    return this.#openAs(where, { ...tree, driver }, own, level, true);
  }

  #uniqueName(where: string, given: string | undefined): string {
    const wanted = given ?? (where === "" ? "top" : where);
    if (this.#names.has(wanted)) {
      const peer = { message: `Duplicate nodes with node-name='${wanted}'` };
      throw new BlockError("EINVAL", `Two nodes are named '${wanted}'`, { peer });
    }
    this.#names.add(wanted);
    return wanted;
  }

  /** `tables`: the node keeps tables in its file, so that others may not write it meanwhile. */
  #context(where: string, name: string, level: Level, tables: boolean): OpenContext {
    const { dirty = "report" } = this.#options;
    const toInspect = this.#options.toInspect ?? dirty === "untouched";
    const closing = new Map<string, () => Promise<void>>();
    const context: OpenContext = {
      name,
      readOnly: level.readOnly,
      backing: this.#options.backing ?? "plain",
      dirty,
      purpose: toInspect ? "inspect" : dirty === "skip" ? "check" : "use",
      sharing: {
        forceShare: (level.forceShare || (level.depth > 0 && this.#options.shareBacking)) ?? false,
      },
      cache: {
        writethrough: this.#options.cache?.writethrough ?? false,
        direct: level.direct,
        noFlush: level.noFlush,
      },
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
      openChild: async (name, role, spec, guessed) => {
        const place = inside(where, name);
        if (guessed) this.#toldGuess.set(place, guessed);
        closing.set(name, this.#mark());
        const ready = this.#ready.get(place);
        this.#ready.delete(place);
        const tree = parseSpec(spec);
        const isFile = role === "file" || role === "log";
        const open = () =>
          tables && role === "file"
            ? this.#openFile(place, atFile(tree), level)
            : this.#open(place, isFile ? atFile(tree) : tree, levelOf(role, level));
        const node = ready ?? (await open());
        if (role === "file" && node.readOnly && !level.readOnly) throw readOnlyNode(node.name);
        if (tables && role === "file") await excludeWriters(node);
        return node;
      },
      reopenChild: async (name, role, spec) => {
        await closing.get(name)?.();
        return context.openChild(name, role, spec);
      },
    };
    return context;
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

async function startsAsBundle(file: BlockNode): Promise<boolean> {
  const head = new Uint8Array(Math.min(bundleMagic.length, file.size));
  try {
    await file.read(0, head);
  } catch {
    // Whoever reads the header meets the same, and says so.
    return false;
  }
  return isBundle(head);
}

/** The format whose tables a bundle holds; undefined for what is none. */
function formatInBundle({ driver, info }: BlockNode): string | undefined {
  const format = info.metadataOf;
  if (format === undefined) return undefined;
  const found = driverNamed(format);
  if (found !== undefined && hasTables(found, format)) return format;
  throw new BlockError("ENOTSUP", `The ${driver} is one of the format '${format}', which is not known here`, {
    hint: "A newer Blkscope wrote it.",
  });
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

function levelOf(role: Child["role"], level: Level): Level {
  if (role === "backing") return below(level);
  // Copies of one disk: a file of one may be the backing file of another.
  return role === "data" ? { ...level, own: new Set(level.own) } : level;
}

function below(level: Level): Level {
  if (level.depth + 1 > maxBackingDepth) {
    throw new BlockError("ECORRUPT", `More than ${maxBackingDepth} backing files stand on each other`, {
      hint: "Open one of the images below it, or flatten part of the chain with qemu-img commit.",
    });
  }
  return {
    ...level,
    depth: level.depth + 1,
    above: new Set([...level.above, ...level.own]),
    own: new Set(),
    readOnly: true,
    autoReadOnly: false,
  };
}

function inside(where: string, name: string): string {
  return where === "" ? name : `${where}/${name}`;
}

/** The error of the deepest node that failed says where that one is. */
function placed(thrown: unknown, where: string): BlockError {
  const error = asBlockError(thrown);
  if (error.context.place !== undefined) return error;
  const { code, message, context, cause } = error;
  return new BlockError(code, message, { ...context, place: dotted(where) }, { cause });
}

/** A node's place as its options are written: "backing.file". */
function dotted(where: string): string {
  return where.replaceAll("/", ".");
}

/** The tree with a format given beside it. A format goes on top in place of the one named; a protocol is what the name stands for, without a format. */
export function withFormat(tree: NodeOptions, format: string | undefined): NodeOptions {
  if (format === undefined) return tree;
  const driver = driverNamed(format);
  if (driver === undefined) throw unknownDriver(format);
  const isNamed = driver.kind === "protocol" || driver.isPrefix === true;
  if (!isNamed || !isOptions(tree.file) || tree.driver !== undefined) {
    return { ...tree, driver: format };
  }
  const { file, ...others } = tree;
  const { driver: named, ...options } = file;
  if (format.startsWith("null-") && named !== format) {
    throw new BlockError("EINVAL", `The only allowed filename for this driver is '${format}://'`);
  }
  return { ...others, ...options, driver: format };
}

function unknownDriver(name: unknown): BlockError {
  return new BlockError("EINVAL", `Unknown driver '${String(name)}'`, {
    ...(typeof name !== "string" && { peer: { message: "Must specify either driver or file" } }),
    hint: `Known drivers: ${Object.keys(drivers).join(", ")}.`,
  });
}

/** Throws EINVAL for an option that every node has with a value that none takes. */
function genericOptions(where: string, tree: NodeOptions): GenericOptions {
  const parsed = generic.safeParse(tree);
  if (!parsed.success) {
    throw badOptions(dotted(where), tree, driverNamed(String(tree.driver)), parsed.error);
  }
  if (parsed.data["detect-zeroes"] === "unmap" && parsed.data.discard !== "unmap") {
    const message =
      "setting detect-zeroes to unmap is not allowed without setting discard operation to unmap";
    throw new BlockError("EINVAL", message);
  }
  return parsed.data;
}

function inherited(above: Level, own: GenericOptions): Level {
  return {
    ...above,
    readOnly: above.readOnly || (own["read-only"] ?? false),
    autoReadOnly: own["auto-read-only"] ?? above.autoReadOnly,
    forceShare: own["force-share"] ?? above.forceShare,
    direct: own.cache?.direct ?? above.direct,
    noFlush: own.cache?.["no-flush"] ?? above.noFlush,
  };
}

/** Where a file is meant, a name alone is one. */
function atFile(tree: NodeOptions): NodeOptions {
  const named = tree.driver === undefined && tree.file === undefined && typeof tree.filename === "string";
  return named ? { ...tree, driver: driverForFile(String(tree.filename)) } : tree;
}

/** A node that was to be written to. */
export function readOnlyNode(node: string): BlockError {
  return new BlockError("EACCES", "Block node is read-only", {
    node,
    hint: "Its options say so: leave out read-only or auto-read-only to write to it.",
  });
}

function guessedRaw(filename: string): string {
  return `WARNING: Image format was not specified for '${filename}' and probing guessed raw.
         Automatically detecting the format is dangerous for raw images, write operations on block 0 will be restricted.
         Specify the 'raw' format explicitly to remove the restrictions.`;
}
