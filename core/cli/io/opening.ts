// open, close and reopen: which image the session has, and how it is open.

import { asBlockError, BlockError } from "../../base/errors.ts";
import type { CacheMode, NodeOptions } from "../../block/driver.ts";
import type { BlockNode } from "../../block/node.ts";
import { driverNamed } from "../../registry.ts";
import { isOptions, nest, overlay } from "../../spec.ts";
import { cacheModeNamed } from "../cacheMode.ts";
import { namedWithOptions } from "../imageArgument.ts";
import { parseImageOpts } from "../imageOpts.ts";
import { printWarning, wordsOf } from "../output.ts";
import type { IoCommand } from "./command.ts";
import { CommandFailure, CommandMisuse } from "./failure.ts";
import { getopt, type Letters } from "./getopt.ts";
import { type ImageRequest, IoImage } from "./image.ts";
import type { Session } from "./session.ts";

/** How an image is to be opened, as the program's options or those of `open` say. */
export interface OpenWish {
  /** A file name, or with `imageOpts` a list of options. */
  readonly name?: string | undefined;
  readonly imageOpts: boolean;
  readonly format?: string | undefined;
  /** Further options of the image. */
  readonly options: readonly string[];
  readonly readOnly: boolean;
  readonly snapshot: boolean;
  readonly copyOnRead: boolean;
  readonly cache: CacheMode;
  readonly discard: boolean;
  readonly nativeAio: boolean;
  readonly forceShare: boolean;
}

/** Opens an image for the session. Throws CommandFailure "can't open device NAME: REASON". */
export async function openImage(session: Session, wish: OpenWish): Promise<void> {
  if (session.hasImage) throw new CommandFailure("report", "file open already, try 'help close'");
  try {
    session.setImage(await IoImage.open(requestOf(wish)));
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    const { message, hint } = wordsOf(asBlockError(error));
    const what = wish.name === undefined || wish.imageOpts ? "can't open" : `can't open device ${wish.name}`;
    throw new CommandFailure("report", `${what}: ${message}`, { cause: error, hint });
  }
}

function requestOf(wish: OpenWish): ImageRequest {
  const { readOnly, snapshot, copyOnRead, cache, discard, forceShare } = wish;
  if (copyOnRead && readOnly) {
    throw new BlockError("EINVAL", "Can't use copy-on-read on read-only device");
  }
  if (wish.nativeAio && !cache.direct) {
    const message = "aio=native was specified, but it requires cache.direct=on, which was not specified.";
    throw new BlockError("EINVAL", message);
  }
  return { spec: specOf(wish), readOnly, snapshot, copyOnRead, cache, discard, forceShare };
}

function specOf({ name, imageOpts, format, options }: OpenWish): NodeOptions {
  const lists = imageOpts && name !== undefined ? [name] : options;
  const spec = namedWithOptions(imageOpts ? undefined : name, lists, format);
  if (Object.keys(spec).length > 0) return spec;
  throw new BlockError("EINVAL", "Must specify either driver or file");
}

const aioModes: readonly string[] = ["threads", "native", "io_uring"];
const discardModes: Readonly<Record<string, boolean>> = { ignore: false, off: false, unmap: true, on: true };

/** Whether discards are passed on. Throws CommandFailure. */
export function discardMode(name: string): boolean {
  const mode = Object.hasOwn(discardModes, name) ? discardModes[name] : undefined;
  if (mode === undefined) throw new CommandFailure("report", `Invalid discard option: ${name}`);
  return mode;
}

/** Throws CommandFailure for a name that is no mode. */
export function isNativeAio(name: string): boolean {
  if (!aioModes.includes(name)) throw new CommandFailure("report", `Invalid aio option: ${name}`);
  return name === "native";
}

/** Throws CommandFailure for a name that is no mode. */
export function namedCache(name: string): CacheMode {
  const mode = cacheModeNamed(name);
  if (mode === undefined) throw new CommandFailure("report", `Invalid cache option: ${name}`);
  return mode;
}

export const open: IoCommand = {
  name: "open",
  alias: "o",
  args: "[-rsCnkU] [-t cache] [-d discard] [-o options] [path]",
  oneline: "open the file specified by path",
  more: `Opens an image, which the commands after it then use.

Example:
'open -n -o driver=raw /tmp/data' - opens a raw image for writing, past the system's cache where it can

-r, -- only for reading
-s, -- changes go to a temporary file
-C, -- what is read from a backing file is stored in the image
-n, -- short for -t none
-U, -- take no locks
-k, -- short for -i native
-i, -- threads, native or io_uring
-t, -- cache mode: none, writeback, writethrough, directsync or unsafe
-d, -- discard mode: ignore or unmap
-o, -- options of the image, as with --image-opts`,
  min: 1,
  max: Number.POSITIVE_INFINITY,
  withoutImage: true,
  async run(session, args) {
    const options = getopt("open", args, "snCro:ki:t:d:U", judge);
    const [name, ...more] = options.operands;
    if (more.length > 0) throw new CommandMisuse();
    if (session.imageOpts && options.has("o")) {
      throw new CommandFailure("out", "--image-opts and 'open -o' are mutually exclusive");
    }
    await openImage(session, wishOf(session, name, options));
  },
};

function judge(letter: string, value: string): void {
  if (letter === "t") namedCache(value);
  else if (letter === "d") discardMode(value);
  else if (letter === "i") isNativeAio(value);
}

function wishOf(session: Session, name: string | undefined, options: Letters): OpenWish {
  const [cache, discard, aio] = ["t", "d", "i"].map(options.value);
  return {
    name,
    imageOpts: session.imageOpts,
    options: options.values("o"),
    readOnly: options.has("r"),
    snapshot: options.has("s"),
    copyOnRead: options.has("C"),
    cache: namedCache(cache ?? (options.has("n") ? "none" : "writethrough")),
    discard: discardMode(discard ?? "unmap"),
    nativeAio: options.has("k") || isNativeAio(aio ?? "threads"),
    forceShare: options.has("U"),
  };
}

export const close: IoCommand = {
  name: "close",
  alias: "c",
  oneline: "close the current open file",
  run: (session) => session.closeImage(),
};

export const reopen: IoCommand = {
  name: "reopen",
  args: "[(-r|-w)] [-c cache] [-o options]",
  oneline: "reopens an image with new options",
  more: `Changes how the open image is open. When that fails, it stays as it was.

Example:
'reopen -r' - no more changes from here on

-r, -- only for reading
-w, -- for writing as well
-c, -- cache mode: none, writeback, writethrough, directsync or unsafe
-o, -- options of the image, as with 'open'`,
  max: Number.POSITIVE_INFINITY,
  async run(session, args) {
    const options = getopt("reopen", args, "c:o:rw", (letter, value) => {
      if (letter === "c") namedCache(value);
    });
    if (options.operands.length > 0) throw new CommandMisuse();
    const changed = changedRequest(session.image, options);
    await session.unlessInterrupted(session.drain());
    session.setImage(await session.image.reopened(changed));
  },
};

function changedRequest({ request, format }: IoImage, options: Letters): ImageRequest {
  const refuse = (message: string) => {
    throw new CommandFailure("report", message);
  };
  if (options.has("r") && options.has("w")) refuse("Only one -r/-w option may be given");
  const given = nest(parseImageOpts(options.values("o").join(","), { warn: printWarning }));
  const { "read-only": readOnlyOption, cache: cacheOptions, "auto-read-only": auto, ...others } = given;
  const access = options.has("r") || options.has("w");
  if (access && readOnlyOption !== undefined) refuse("Cannot set both -r/-w and 'read-only'");
  const withCache = withCacheOptions(request.cache, cacheOptions);
  if (options.has("c") && cacheOptions !== undefined) refuse("Cannot set both -c and the cache options");
  const isAuto = auto === undefined ? undefined : switchOf(auto, "auto-read-only", false);
  const { options: changeable = [], join = overlay } = driverNamed(format.driver)?.reopening ?? {};
  for (const [[group = ""], name] of leaves(others, request.spec, format)) {
    if (!changeable.includes(group)) refuse(`Cannot change the option '${name}'`);
  }
  const spec = join(request.spec, others);
  const cache = options.value("c");
  return {
    ...request,
    spec: isAuto === undefined ? spec : { ...spec, "auto-read-only": isAuto },
    readOnly: access ? options.has("r") : switchOf(readOnlyOption, "read-only", request.readOnly),
    cache: cache === undefined ? withCache : namedCache(cache),
  };
}

/** The options that differ from those the image has: their path, and the last part of it. */
function leaves(
  given: NodeOptions,
  has: NodeOptions,
  node: BlockNode | undefined,
  above: readonly string[] = [],
): [path: readonly string[], name: string][] {
  return Object.entries(given).flatMap(([key, value]): [readonly string[], string][] => {
    // A driver that was not given was found by opening the image.
    const old = key === "driver" ? (node?.driver ?? has[key]) : has[key];
    if (isOptions(value)) {
      const child = node?.children.find(({ name }) => name === key)?.node;
      return leaves(value, isOptions(old) ? old : {}, child, [...above, key]);
    }
    return String(old) === String(value) ? [] : [[[...above, key], key]];
  });
}

function switchOf(value: unknown, name: string, otherwise: boolean): boolean {
  if (value === undefined) return otherwise;
  if (["on", "yes", "true"].includes(String(value))) return true;
  if (["off", "no", "false"].includes(String(value))) return false;
  throw new CommandFailure("report", `Parameter '${name}' expects 'on' or 'off'`);
}

function withCacheOptions(cache: CacheMode, options: unknown): CacheMode {
  if (!isOptions(options)) return cache;
  const { direct, "no-flush": noFlush, ...others } = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new CommandFailure("report", `Cannot change the option 'cache.${unknown}'`);
  }
  return {
    ...cache,
    direct: switchOf(direct, "cache.direct", cache.direct),
    noFlush: switchOf(noFlush, "cache.no-flush", cache.noFlush),
  };
}
