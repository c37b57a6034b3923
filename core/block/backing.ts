// From the name of a backing file as it is stored in an image to what opens it: where relative names begin, what
// prefixes may stand before them, and whether the person has to agree first.
import * as fs from "node:fs";
import * as path from "node:path";
import { BlockError } from "../base/errors.ts";
import { parseSpec, protocolOf } from "../spec.ts";
import type { BackingPolicy, NodeOptions } from "./driver.ts";
import type { BlockNode } from "./node.ts";

/** Nodes passed on the way down to a file; a graph is never deeper. */
const maxDepth = 1000;

/** The path of the file an image is in; undefined for one that is in none. */
export function pathOf(file: BlockNode): string | undefined {
  let node: BlockNode | undefined = file;
  for (let depth = 0; node !== undefined && depth < maxDepth; depth++) {
    if (node.info.path !== undefined) return node.info.path;
    node = node.children.find((child) => child.name === "file")?.node;
  }
  return undefined;
}

/**
 * A backing name seen from where the image's name is seen: relative ones lie beside the image. Not normalised, so that
 * it stays recognisable. undefined when the image's own place is not known.
 */
export function combinedName(image: string | undefined, backing: string): string | undefined {
  if (backing.startsWith("/") || protocolOf(backing) !== undefined) return backing;
  if (image === undefined) return undefined;
  const name = image.slice(0, image.lastIndexOf("/") + 1) + backing;
  return protocolOf(name) === undefined ? name : `./${name}`;
}

export interface BackingRequest {
  /** As stored in the image. */
  readonly name: string;
  /** As stored; probed without one. */
  readonly format?: string | undefined;
  /** Path of the image that names it. */
  readonly image: string | undefined;
  /** Where relative names begin when the image has no path. */
  readonly baseDir: string;
  /** The node that asks, for errors. */
  readonly node: string;
  readonly policy: Exclude<BackingPolicy, "none">;
}

/**
 * What opens the backing file. Unless the policy is "open" a name in an image reaches plain files only, and with
 * "beside" those outside the image's folder need the person's word: EACCES with `consent`. Throws EINVAL, ENOTSUP, EACCES.
 */
export function backingSpec(request: BackingRequest): NodeOptions {
  const { name, format, policy } = request;
  const filename = plainBackingPath(request);
  if (filename === undefined) {
    if (policy !== "open") throw notPlain(request);
    return withFormat(parseSpec(name), format);
  }
  if (policy === "beside") refuseOutside(name, filename, request.image);
  return withFormat({ file: { driver: "file", filename } }, format);
}

/**
 * What opens a file that an image names as one of its parts: always a plain file of that very name, whatever colons it
 * has. With "beside" one outside the image's folder needs the person's word: EACCES with `consent`.
 */
export function partSpec({ name, image, baseDir, policy }: BackingRequest): NodeOptions {
  const filename = path.resolve(image === undefined ? baseDir : path.dirname(image), name);
  if (policy === "beside") refuseOutside(name, filename, image, "data file");
  return { driver: "file", filename };
}

function withFormat(spec: NodeOptions, format: string | undefined): NodeOptions {
  return format === undefined || spec.driver !== undefined ? spec : { ...spec, driver: format };
}

function notPlain({ name, node }: BackingRequest): BlockError {
  return new BlockError(
    "ENOTSUP",
    `The backing file name '${name}' asks for the protocol '${protocolOf(name)}'`,
    {
      node,
      hint: "Only plain files are opened as backing files.",
    },
  );
}

/** Absolute path of a plain backing file's name, with or without "file:"; undefined for a name of another kind. */
export function plainBackingPath({
  name,
  image,
  baseDir,
}: Pick<BackingRequest, "name" | "image" | "baseDir">): string | undefined {
  const prefix = protocolOf(name);
  if (prefix !== undefined && prefix !== "file") return undefined;
  const plain = prefix === undefined ? name : name.slice("file:".length);
  return path.resolve(image === undefined ? baseDir : path.dirname(image), plain);
}

/** Asks for the person's word before a file outside the image's folder is opened. */
function refuseOutside(
  name: string,
  filename: string,
  image: string | undefined,
  what = "backing file",
): void {
  const folder = image === undefined ? undefined : path.dirname(image);
  // Where links lead: an image can come with a link beside it that points at any file.
  const way = folder === undefined ? ".." : path.relative(realPath(folder), realPath(filename));
  if (way !== ".." && !way.startsWith(`..${path.sep}`) && !path.isAbsolute(way)) return;
  throw new BlockError("EACCES", `The ${what} '${name}' lies outside the image's folder and was not opened`, {
    path: filename,
    consent: "backing",
    hint: "Open it only if you know where the image comes from: its name could point at any file you can read.",
  });
}

/** The path without symbolic links, as far as it leads anywhere. */
function realPath(name: string): string {
  try {
    return fs.realpathSync(name);
  } catch {
    const parent = path.dirname(name);
    return parent === name ? name : path.join(realPath(parent), path.basename(name));
  }
}

/**
 * For a format that can record its backing file's: with "beside" a guess needs the person's word, since a guest may have
 * written the beginning of another format into a raw disk, and that one may name any file. Told of a guess it throws
 * EACCES with `consent`.
 */
export function guessConsent(request: BackingRequest): ((format: string) => void) | undefined {
  if (request.policy !== "beside") return undefined;
  const filename = plainBackingPath(request);
  return (format) => {
    throw new BlockError(
      "EACCES",
      `Its format is not recorded in the image. By its first bytes it is ${format}`,
      {
        ...(filename !== undefined && { path: filename }),
        consent: "backing",
        hint: `Open it if ${format} is right: what a guest writes to a raw disk can look like another format.`,
      },
    );
  };
}

const notOpened = "Could not open backing file";

/** Names both files. In a long chain only the link that failed is named, not every image above it. */
export function backingFailed({ name, image, node }: BackingRequest, thrown: unknown): unknown {
  if (!(thrown instanceof BlockError) || thrown.message.startsWith(notOpened)) return thrown;
  const missing = "Put the backing file back in its place, or correct its name with qemu-img rebase -u.";
  const hint = thrown.code === "ENOENT" ? missing : thrown.context.hint;
  const of = image === undefined ? "" : ` of '${image}'`;
  const { peer } = thrown.context;
  const words = { ...peer, message: `${notOpened}: ${peer?.message ?? thrown.message}` };
  const context = { ...thrown.context, node, ...(hint !== undefined && { hint }), peer: words };
  const message = `${notOpened} '${name}'${of}: ${thrown.message}`;
  return new BlockError(thrown.code, message, context, { cause: thrown });
}
