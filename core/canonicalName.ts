// The name an open image is known by, as `info` prints it: a plain or prefixed name where one can say everything that
// makes up its contents, else json:{...}, with members in the peer's order so that scripts see the text they know.
import type { NodeOptions } from "./block/driver.ts";
import type { BlockNode } from "./block/node.ts";
import { referredNode } from "./block/options.ts";
import { driverNamed } from "./registry.ts";
import { isOptions } from "./spec.ts";

/** Options that change how a node is opened or behaves, and not what it contains; and what `info` does not open. */
const weak = new Set([
  "aio",
  "auto-read-only",
  "backing",
  "cache",
  "detect-zeroes",
  "discard",
  "force-share",
  "latency-ns",
  "locking",
  "log-super-update-interval",
  "node-name",
  "read-only",
]);

/** Of a tree in which every node has its driver. */
export function canonicalName(tree: NodeOptions): string {
  const strong = strongOptions(tree);
  return plainName(strong) ?? `json:${peerJson(strong)}`;
}

function strongOptions(tree: NodeOptions): NodeOptions {
  const entries = Object.entries(tree).filter(([key]) => !weak.has(key));
  return Object.fromEntries(entries.flatMap(([key, value]) => strongOption(key, value)));
}

/** A child, a list of children, or values; of a group of values the peer keeps each one under its whole name. */
function strongOption(key: string, value: unknown): [string, unknown][] {
  if (isNode(value)) return [[key, strongOptions(value)]];
  if (Array.isArray(value) && value.every(isNode)) return [[key, value.map(strongOptions)]];
  if (typeof value !== "object" || value === null) return [[key, value]];
  return Object.entries(value).flatMap(([name, below]) => strongOption(`${key}.${name}`, below));
}

function isNode(value: unknown): value is NodeOptions {
  return isOptions(value) && ["driver", "file", "filename"].some((key) => value[key] !== undefined);
}

/** The options from which a node was opened, with the drivers found by probing and with named nodes in full. */
export function openedTree(spec: NodeOptions, root: BlockNode): NodeOptions {
  const named = new Map<string, NodeOptions>();
  return withDrivers(spec, root, named);
}

function withDrivers(spec: NodeOptions, node: BlockNode, named: Map<string, NodeOptions>): NodeOptions {
  const tree: Record<string, unknown> = { ...spec, driver: node.driver };
  for (const { name, role, node: below } of node.children) {
    if (role === "backing") continue;
    const [key = "", index] = name.split(".");
    const given = tree[key];
    if (index === undefined) tree[key] = childTree(given, below, named);
    else {
      const list = [...childList(given)];
      list[Number(index)] = childTree(list[Number(index)], below, named);
      tree[key] = list;
    }
  }
  if (typeof spec["node-name"] === "string") named.set(spec["node-name"], tree);
  return tree;
}

function childTree(given: unknown, node: BlockNode, named: Map<string, NodeOptions>): NodeOptions {
  const reference = typeof given === "string" ? given : isOptions(given) ? referredNode(given) : undefined;
  if (reference !== undefined) return named.get(reference) ?? { driver: node.driver };
  const options = isOptions(given) ? given : {};
  // A bundle that was found where a file was named stands for that file.
  const isFound = node.driver === "bundle" && options.driver !== node.driver;
  return withDrivers(isFound ? { driver: node.driver, file: options } : options, node, named);
}

function childList(given: unknown): unknown[] {
  return Array.isArray(given) ? given : Object.values(isOptions(given) ? given : {});
}

/** undefined where no plain name says it all. A format straight over its file is known by the file's name. */
function plainName(tree: NodeOptions): string | undefined {
  if (tree.driver === "blkverify") return joined("blkverify", tree, "raw", "test");
  if (tree.driver === "blkdebug") return joined("blkdebug", tree, "config", "image");
  const { driver, file, filename, ...others } = tree;
  if (Object.keys(others).length > 0) return undefined;
  if (driver === undefined || driver === "bundle" || driverNamed(driver)?.kind === "format") {
    const below = filename === undefined && isOptions(file) ? file : undefined;
    return below === undefined || driverNamed(String(below.driver))?.kind === "format"
      ? undefined
      : plainName(below);
  }
  if (file !== undefined) return undefined;
  if (driver === "null-co" || driver === "null-aio")
    return filename === undefined ? `${driver}://` : undefined;
  return typeof filename === "string" ? filename : undefined;
}

/** "blkverify:RAW:TEST", where both parts have a plain name and there is nothing else to say. */
function joined(prefix: string, tree: NodeOptions, first: string, second: string): string | undefined {
  const known = new Set(["driver", first, second]);
  if (Object.keys(tree).some((key) => !known.has(key))) return undefined;
  // Without a configuration file there are two colons.
  const [a, b] = [tree[first] ?? "", tree[second]].map((part) => (isOptions(part) ? plainName(part) : part));
  if (typeof a !== "string" || a.includes(":") || typeof b !== "string") return undefined;
  return `${prefix}:${a}:${b}`;
}

function peerJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(peerJson).join(", ")}]`;
  if (!isOptions(value)) return JSON.stringify(value) ?? "null";
  const members = inPeerOrder(Object.entries(value));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}: ${peerJson(member)}`).join(", ")}}`;
}

/** Members of an object in the order in which the peer prints them. */
export function inPeerOrder<T>(members: readonly (readonly [string, T])[]): (readonly [string, T])[] {
  return [...members].sort(([a], [b]) => bucketOf(a) - bucketOf(b));
}

/** Where the peer's dictionaries, which list their members by bucket, keep a key. Unsigned arithmetic of 32 bits. */
function bucketOf(key: string): number {
  const bytes = new TextEncoder().encode(key);
  let hash = 0x238f13afn * BigInt(bytes.length);
  for (const [i, byte] of bytes.entries()) hash += BigInt(byte) << BigInt((i * 5) % 24);
  return Number((BigInt.asUintN(32, hash) * 1103515243n + 12345n) % 512n);
}
