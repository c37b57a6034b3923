// What names an image: "json:{...}", a name with a protocol's prefix, a plain name, or an option tree, as a tree of
// nested options. A prefix is one entry in `protocols`.
import { BlockError } from "./base/errors.ts";
import { parseOptionJson } from "./base/optionJson.ts";
import type { ImageSpec, NodeOptions } from "./block/driver.ts";
import { driverForFile } from "./protocol/fileKind.ts";

/**
 * How the names of each protocol become options of its node. `rest` is what follows the colon. Throws BlockError
 * EINVAL for a name that is malformed.
 */
const protocols: Readonly<Record<string, (rest: string) => NodeOptions>> = {
  file: (rest) => ({ driver: "file", filename: plainAgain(rest) }),
  host_device: (rest) => ({ driver: "host_device", filename: plainAgain(rest) }),
  host_cdrom: (rest) => ({ driver: "host_cdrom", filename: plainAgain(rest) }),
  "null-co": (rest) => nullDisk("null-co", rest),
  "null-aio": (rest) => nullDisk("null-aio", rest),
  blkverify: (rest) => {
    const [raw, test] = atColon(rest, "blkverify requires raw copy and original image path");
    return { driver: "blkverify", raw: parseProtocolName(raw), test: parseSpec(test) };
  },
  blkdebug: (rest) => {
    const [config, image] = atColon(rest, "blkdebug requires both config file and image path");
    return { driver: "blkdebug", ...(config !== "" && { config }), image: parseProtocolName(image) };
  },
};

/** So that the name means the same file wherever it is given again. */
function plainAgain(name: string): string {
  return protocolOf(name) === undefined ? name : `./${name}`;
}

/** Both halves at the first colon. The second may have more of them: a name with a prefix of its own. */
function atColon(rest: string, message: string): [string, string] {
  const colon = rest.indexOf(":");
  if (colon < 0) throw new BlockError("EINVAL", message);
  return [rest.slice(0, colon), rest.slice(colon + 1)];
}

function nullDisk(driver: string, rest: string): NodeOptions {
  if (rest === "//") return { driver };
  throw new BlockError("EINVAL", `The only allowed filename for this driver is '${driver}://'`);
}

/** Whether a name may begin with the driver's own and a colon. */
export function isProtocolName(driver: string): boolean {
  return Object.hasOwn(protocols, driver);
}

/** What precedes a colon before the first slash. A Windows drive letter is not a protocol. */
export function protocolOf(name: string): string | undefined {
  const prefix = /^([^/:]*):/.exec(name)?.[1];
  if (prefix === undefined || (process.platform === "win32" && /^[A-Za-z]$/.test(prefix))) return undefined;
  return prefix;
}

/** "json:{...}", a prefixed name, a plain name, or an option tree whose dotted keys are nested. Throws EINVAL. */
export function parseSpec(spec: ImageSpec): NodeOptions {
  if (typeof spec !== "string") return withoutNames(nest(spec));
  if (spec.startsWith("json:")) return withoutNames(nest(parseJson(spec.slice(5))));
  return { file: parseProtocolName(spec) };
}

/** The child that a file name given beside these drivers is. */
const namedChildren: Readonly<Record<string, string>> = { blkdebug: "image", blkverify: "test" };

/** The tree with names of files in place where a driver has none of its own, but an image below it. Throws EINVAL. */
export function withoutNames(tree: NodeOptions): NodeOptions {
  const { driver, filename } = tree;
  const child =
    driver !== undefined && Object.hasOwn(namedChildren, driver) ? namedChildren[driver] : undefined;
  const result: Record<string, unknown> = { ...tree };
  for (const [key, value] of Object.entries(tree)) {
    if (isOptions(value) && !ArrayBuffer.isView(value)) setOwn(result, key, withoutNames(value));
  }
  if (child === undefined || typeof filename !== "string") return result;
  const { filename: _, ...others } = result;
  const named =
    protocolOf(filename) === driver
      ? parseProtocolName(filename)
      : { [child]: child === "test" ? parseSpec(filename) : parseProtocolName(filename) };
  return overlay(named, others);
}

/** The options of the protocol node that a plain or prefixed name stands for. Throws EINVAL, ENOENT. */
export function parseProtocolName(name: string): NodeOptions {
  const prefix = protocolOf(name);
  if (prefix === undefined) {
    if (name === "") {
      const peer = { message: "The 'file' block driver requires a file name" };
      throw new BlockError("ENOENT", "The file name is empty", { peer });
    }
    return { driver: driverForFile(name), filename: name };
  }
  const parse = Object.hasOwn(protocols, prefix) ? protocols[prefix] : undefined;
  if (parse !== undefined) return parse(name.slice(prefix.length + 1));
  throw new BlockError("EINVAL", `Unknown protocol '${prefix}'`, {
    hint: `For a file of that name write ./${name}`,
    peer: { message: `Unknown protocol '${prefix}'` },
  });
}

function parseJson(text: string): NodeOptions {
  const value = parseOptionJson(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new BlockError("EINVAL", "Invalid JSON object given");
  }
  return value as NodeOptions;
}

/** `{"file.filename": x}` as `{file: {filename: x}}`, at every level. A group and dotted keys of it are joined. */
export function nest(options: NodeOptions): NodeOptions {
  if (!Object.keys(options).some((key) => key.includes("."))) return options;
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options)) {
    const parts = key.split(".");
    if (parts.length > deepest) throw new BlockError("EINVAL", `Options are nested deeper than ${deepest}`);
    let target = result;
    for (const part of parts.slice(0, -1)) {
      const inner = Object.hasOwn(target, part) ? target[part] : {};
      if (typeof inner !== "object" || inner === null) throw givenTwice(part);
      target = setOwn(target, part, { ...inner });
    }
    const last = parts.at(-1) ?? key;
    if (Object.hasOwn(target, last)) throw givenTwice(last);
    setOwn(target, last, value);
  }
  return result;
}

/** Parts of a dotted key. */
const deepest = 1000;

/** Options over those in a name: where both say something, the explicit ones win. */
export function overlay(name: NodeOptions, explicit: NodeOptions): NodeOptions {
  const result: Record<string, unknown> = { ...name };
  for (const [key, value] of Object.entries(explicit)) {
    const below = Object.hasOwn(result, key) ? result[key] : undefined;
    setOwn(result, key, isOptions(below) && isOptions(value) ? overlay(below, value) : value);
  }
  return result;
}

export function isOptions(value: unknown): value is NodeOptions {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function givenTwice(name: string): BlockError {
  return new BlockError("EINVAL", `The option '${name}' is given both as a value and as a group`);
}

/** Sets an own property even for names such as "__proto__". */
function setOwn(target: Record<string, unknown>, key: string, value: unknown): Record<string, unknown> {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  return value as Record<string, unknown>;
}
