// An image as it is named on the command line: a file name, file:NAME, json:{...}, or with --image-opts a list
// of options. Names the image in messages as qemu-img does, and gives what openGraph takes.
import { BlockError } from "../base/errors.ts";
import type { NodeOptions } from "../block/driver.ts";
import { parseSpec } from "../graph.ts";
import { parseImageOpts } from "./imageOpts.ts";

export interface ImageArgument {
  /** As given: what error messages say. */
  readonly given: string;
  /** As `info` prints it: a plain name where one can express the image, else json:{...}. */
  readonly filename: string;
  readonly spec: NodeOptions;
}

export interface ArgumentOptions {
  readonly imageOpts: boolean;
  /** Format instead of probing. */
  readonly format?: string | undefined;
}

/** Throws BlockError EINVAL for a malformed name. */
export function imageArgument(given: string, { imageOpts, format }: ArgumentOptions): ImageArgument {
  const spec = withFormat(withFileDriver(imageOpts ? parseImageOpts(given) : parseSpec(given)), format);
  return { given, filename: filenameOf(spec), spec };
}

/** What precedes a colon before the first slash. A Windows drive letter is not a protocol. */
export function protocolOf(name: string): string | undefined {
  const prefix = /^([^/:]*):/.exec(name)?.[1];
  if (prefix === undefined || (process.platform === "win32" && /^[A-Za-z]$/.test(prefix))) return undefined;
  return prefix;
}

/** What is below a format and has a name and no driver is a file. */
function withFileDriver(spec: NodeOptions): NodeOptions {
  const { file } = spec;
  if (typeof file !== "object" || file === null || Array.isArray(file)) return spec;
  const below = file as NodeOptions;
  const isFile = below.driver === undefined && typeof below.filename === "string";
  return { ...spec, file: isFile ? { driver: "file", ...below } : withFileDriver(below) };
}

function withFormat(spec: NodeOptions, format: string | undefined): NodeOptions {
  if (format === undefined) return spec;
  if (spec.driver !== undefined && spec.driver !== format) {
    throw new BlockError("EINVAL", `Driver specified twice: '${spec.driver}' and '${format}'`, {
      hint: "Leave out -f or the driver in the name.",
    });
  }
  return { ...spec, driver: format };
}

/** A format straight over a file, with no option but the name, is known by that name. */
function filenameOf(spec: NodeOptions): string {
  const { driver, file, ...others } = spec as { driver?: string; file?: unknown; filename?: unknown };
  if (driver === "file" && typeof others.filename === "string") return others.filename;
  if (Object.keys(others).length === 0 && typeof file === "object" && file !== null) {
    const { driver: protocol, filename, ...rest } = file as { driver?: string; filename?: unknown };
    if (protocol === "file" && typeof filename === "string" && Object.keys(rest).length === 0)
      return filename;
  }
  return `json:${JSON.stringify(spec)}`;
}
