// An image as it is named on the command line: a file name, PROTOCOL:NAME, json:{...}, or with --image-opts a list
// of options. Names the image in messages as qemu-img does, and gives what openGraph takes.
import type { NodeOptions } from "../block/driver.ts";
import { canonicalName } from "../canonicalName.ts";
import { withFormat } from "../graph.ts";
import { driverNamed } from "../registry.ts";
import { isOptions, nest, overlay, parseSpec, withoutNames } from "../spec.ts";
import { type ListForm, parseImageOpts } from "./imageOpts.ts";
import { printWarning } from "./output.ts";

export interface ImageArgument {
  /** As given: what error messages say. */
  readonly given: string;
  /** As `info` prints it: a plain name where one can express the image, else json:{...}. */
  readonly filename: string;
  readonly spec: NodeOptions;
}

export interface ArgumentOptions {
  readonly imageOpts: boolean;
  /** Format instead of probing; comes before one in the name. */
  readonly format?: string | undefined;
}

/** In qemu-img a list's first item without a key names a node. */
const list: ListForm = { implied: "file", warn: printWarning };

/** Throws BlockError EINVAL for a malformed name. */
export function imageArgument(given: string, { imageOpts, format }: ArgumentOptions): ImageArgument {
  const named = imageOpts ? nest(parseImageOpts(given, list)) : parseSpec(given);
  const spec = withoutNames(withFormat(withFileDriver(named), format));
  return { given, filename: canonicalName(spec), spec };
}

/**
 * A name, lists of options, or both: then the options come before what the name says. As `qemu-io` opens images.
 * Throws BlockError EINVAL.
 */
export function namedWithOptions(
  name: string | undefined,
  lists: readonly string[],
  format?: string,
): NodeOptions {
  // Parts of a list may be given apart; of two values for one key the last counts.
  const options = nest(parseImageOpts(lists.join(","), { warn: printWarning }));
  if (name === undefined) return withFormat(withFileDriver(options), format);
  const { driver, ...others } = overlay(withFormat(parseSpec(name), optionDriver(options)), options);
  const merged = driver === undefined ? others : { driver, ...others };
  const placed = nameInFile(withoutNames(nameInFile(merged)));
  return withFormat(withFileDriver(placed), format);
}

/** A name that is beside the driver of a format or a filter is that of the file below it, however deep that lies. */
function nameInFile(spec: NodeOptions): NodeOptions {
  const { driver: name, filename, file } = spec;
  const driver = typeof name === "string" ? driverNamed(name) : undefined;
  const isNamed = driver === undefined || driver.kind === "protocol" || driver.isPrefix === true;
  const { filename: _, ...others } = spec;
  const below: NodeOptions =
    isNamed || typeof filename !== "string"
      ? spec
      : { ...others, file: { driver: "file", filename, ...(isOptions(file) && file) } };
  return Object.fromEntries(
    Object.entries(below).map(([key, value]) => [key, isOptions(value) ? nameInFile(value) : value]),
  );
}

function optionDriver({ driver }: NodeOptions): string | undefined {
  return typeof driver === "string" ? driver : undefined;
}

/** What is below a format and has a name and no driver is a file. */
function withFileDriver(spec: NodeOptions): NodeOptions {
  const { file } = spec;
  if (!isOptions(file)) return spec;
  const isFile = file.driver === undefined && typeof file.filename === "string";
  return { ...spec, file: isFile ? { driver: "file", ...file } : withFileDriver(file) };
}
