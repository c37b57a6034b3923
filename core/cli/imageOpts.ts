// Image specifications as trees of options: the key=value lists of --image-opts, and json:{...} names.
// A comma in a value is doubled, dots nest, numbers from 0 make a list. Both become what openGraph takes; values
// stay text, and each driver's schema converts its own.
import { BlockError } from "../base/errors.ts";
import type { NodeOptions } from "../block/driver.ts";

type Tree = { [key: string]: unknown };

/** Parses "driver=qed,file.filename=a,,b.qed". Throws BlockError EINVAL. */
export function parseImageOpts(text: string): NodeOptions {
  const tree: Tree = {};
  for (const item of splitItems(text)) {
    const equals = item.indexOf("=");
    if (equals === -1 || equals === 0) {
      throw invalid(`'${item}' is not of the form key=value`, "Write options as key=value,key=value.");
    }
    put(tree, item.slice(0, equals), item.slice(equals + 1));
  }
  return finished(tree);
}

/** Parses the rest of a "json:{...}" name. Throws BlockError EINVAL. */
export function parseJsonSpec(text: string): NodeOptions {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(`Could not parse the JSON options: ${(error as Error).message}`, jsonHint);
  }
  if (!isTree(value)) throw invalid("Invalid JSON object given", jsonHint);
  const tree: Tree = {};
  for (const [key, member] of Object.entries(value)) put(tree, key, expanded(member, 1));
  return finished(tree);
}

const jsonHint = 'Write for example json:{"driver":"qed","file":{"driver":"file","filename":"disk.qed"}}.';
/** Depth of nested options: more than any real tree of nodes, less than the stack. */
const deepest = 64;

function invalid(message: string, hint: string): BlockError {
  return new BlockError("EINVAL", message, { hint });
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Splits at single commas; a doubled comma stands for one. */
function splitItems(text: string): string[] {
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

/** Members of a JSON object may be flattened too: {"file.filename": "x"}. */
function expanded(value: unknown, depth: number): unknown {
  if (depth > deepest) throw invalid(`options are nested deeper than ${deepest}`, jsonHint);
  if (Array.isArray(value)) return value.map((member) => expanded(member, depth + 1));
  if (!isTree(value)) return value;
  const tree: Tree = {};
  for (const [key, member] of Object.entries(value)) put(tree, key, expanded(member, depth + 1));
  return tree;
}

/** Puts a value at a dotted path. Trees have no prototype's members in the way: every step is checked to be own. */
function put(tree: Tree, path: string, value: unknown): void {
  const parts = path.split(".");
  if (parts.length > deepest) throw invalid(`options are nested deeper than ${deepest}`, jsonHint);
  let at = tree;
  for (const [i, part] of parts.entries()) {
    if (part === "" || part === "__proto__") throw invalid(`'${path}' is not a name of an option`, nameHint);
    if (i === parts.length - 1) {
      const before = Object.hasOwn(at, part) ? at[part] : undefined;
      if (isTree(before) && isTree(value)) Object.assign(before, value);
      else if (isTree(before) || (before !== undefined && isTree(value))) throw clash(path);
      else at[part] = value;
      return;
    }
    if (!Object.hasOwn(at, part)) at[part] = {};
    const next = at[part];
    if (!isTree(next)) throw clash(path);
    at = next;
  }
}

const nameHint = "Names are joined by dots: file.filename.";

function clash(path: string): BlockError {
  return invalid(`'${path}' is given both as a value and as a group of options`, nameHint);
}

function finished(tree: Tree): NodeOptions {
  const whole = withLists(tree, "") as Tree;
  if (whole["driver"] === undefined && whole["file"] === undefined) {
    throw invalid("Must specify either driver or file", "Write for example file.filename=disk.qed.");
  }
  return withFileDrivers(whole) as NodeOptions;
}

/** Trees whose keys are numbers become lists. */
function withLists(value: unknown, path: string): unknown {
  if (Array.isArray(value)) return value.map((member) => withLists(member, path));
  if (!isTree(value)) return value;
  const entries = Object.entries(value).map(
    ([key, member]) => [key, withLists(member, `${path}${key}.`)] as const,
  );
  const numbers = entries.filter(([key]) => /^[0-9]+$/.test(key));
  if (numbers.length === 0) return Object.fromEntries(entries);
  if (numbers.length < entries.length) {
    throw invalid(`'${path}' mixes numbers and names`, "Number the members of a list from 0.");
  }
  const list = new Array<unknown>(entries.length);
  for (const [key, member] of entries) {
    const index = Number(key);
    if (index >= entries.length || list[index] !== undefined) {
      throw invalid(`the members of '${path}' are not numbered from 0 without gaps`, "Number them from 0.");
    }
    list[index] = member;
  }
  return list;
}

/** A group with a file name and no driver is a file. */
function withFileDrivers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withFileDrivers);
  if (!isTree(value)) return value;
  const tree = Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, withFileDrivers(member)]),
  );
  return typeof tree["filename"] === "string" && tree["driver"] === undefined
    ? { driver: "file", ...tree }
    : tree;
}
