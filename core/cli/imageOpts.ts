// The key=value lists of --image-opts as trees of options. A comma in a value is doubled, dots nest, numbers from
// 0 make a list. Values stay text: each driver's schema converts its own.
import { BlockError } from "../base/errors.ts";
import type { NodeOptions } from "../block/driver.ts";

type Tree = { [key: string]: unknown };

export interface ListForm {
  /** The key of a first item that has none: qemu-img reads "NODE" as "file=NODE". Without it, it is a switch. */
  readonly implied?: "file";
  warn?(message: string): void;
}

/** Parses "driver=qed,file.filename=a,,b.qed". Throws BlockError EINVAL. */
export function parseImageOpts(text: string, form: ListForm = {}): NodeOptions {
  const tree = emptyTree();
  for (const [i, item] of splitItems(text).entries()) {
    if (item === "") continue;
    const equals = item.indexOf("=");
    if (equals === -1) putKeyless(tree, item, i === 0 ? form.implied : undefined, form);
    else put(tree, item.slice(0, equals), item.slice(equals + 1));
  }
  return withLists(tree, "") as NodeOptions;
}

/** An item without a value: on, or off when it begins with "no", the older form of a switch. */
function putKeyless(tree: Tree, item: string, implied: string | undefined, form: ListForm): void {
  if (implied !== undefined) {
    put(tree, implied, item);
    return;
  }
  const off = item.startsWith("no") && item !== "no" && item !== "node-name";
  const [key, value] = off ? [item.slice(2), "off"] : [item, "on"];
  form.warn?.(`short-form boolean option '${item}' deprecated\nPlease use ${key}=${value} instead`);
  put(tree, key, value);
}

/** Depth of nested options: more than any real tree of nodes, less than the stack. */
const deepest = 64;

function invalid(message: string, hint: string, peer?: string): BlockError {
  return new BlockError("EINVAL", message, { hint, ...(peer !== undefined && { peer: { message: peer } }) });
}

function badList(path: string, why: string): BlockError {
  const name = path.slice(0, -1);
  return invalid(
    `'${name}' ${why}`,
    "Number the members of a list from 0.",
    `Option ${name} is not a valid array`,
  );
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Splits at single commas; a doubled comma stands for one. */
export function splitItems(text: string): string[] {
  const items: string[] = [];
  let item = "";
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== ",") item += text[i];
    else if (text[i + 1] === ",") item += text[++i];
    else {
      items.push(item);
      item = "";
    }
  }
  items.push(item);
  return items;
}

/** Puts a value at a dotted path; of two values for one path the last counts. */
function put(tree: Tree, path: string, value: string): void {
  const parts = path.split(".");
  const last = parts.pop() ?? "";
  if (parts.length >= deepest) throw invalid(`options are nested deeper than ${deepest}`, nameHint);
  if (last === "" || parts.includes("")) throw invalid(`'${path}' is not a name of an option`, nameHint);
  let at = tree;
  for (const part of parts) {
    at[part] ??= emptyTree();
    const next = at[part];
    if (!isTree(next)) throw clash(path);
    at = next;
  }
  if (isTree(at[last])) throw clash(path);
  at[last] = value;
}

/** Without a prototype, so that "__proto__" and the like are names as any other. */
function emptyTree(): Tree {
  return Object.create(null) as Tree;
}

const nameHint = "Names are joined by dots: file.filename.";

function clash(path: string): BlockError {
  return invalid(`'${path}' is given both as a value and as a group of options`, nameHint);
}

/** Trees whose keys are numbers become lists. */
function withLists(value: unknown, path: string): unknown {
  if (!isTree(value)) return value;
  const entries = Object.entries(value).map(
    ([key, member]) => [key, withLists(member, `${path}${key}.`)] as const,
  );
  const numbers = entries.filter(([key]) => /^[0-9]+$/.test(key));
  if (numbers.length === 0) return Object.fromEntries(entries);
  if (numbers.length < entries.length) {
    throw badList(path, "mixes numbers and names");
  }
  const list = new Array<unknown>(entries.length);
  for (const [key, member] of entries) {
    const index = Number(key);
    if (index >= entries.length || list[index] !== undefined) {
      throw badList(path, "is not numbered from 0 without gaps");
    }
    list[index] = member;
  }
  return list;
}
