// Graphs that a person put together in the app: trees of options in which files are tokens. Here they are checked
// with each driver's own schema, and tokens become paths; nothing that is not in the drivers' forms gets through.
import { randomUUID } from "node:crypto";
import { BlockError } from "../core/base/errors.ts";
import type { Driver, NodeOptions } from "../core/block/driver.ts";
import { describeOptions, type OptionField, type OptionKind } from "../core/block/optionForm.ts";
import { generic } from "../core/block/options.ts";
import { driverNamed, drivers } from "../core/registry.ts";
import type { FileTokens } from "./files.ts";
import type { DriverForm, FileRef, OptionProblem } from "./ipc/contract.ts";

/** Drivers that refuse an image which is only read, or do nothing for it. */
const forWriting: ReadonlySet<string> = new Set(["copy-on-read", "compress"]);

/** The drivers a graph can be put together from, in the registry's order. */
export function driverForms(): readonly DriverForm[] {
  return Object.keys(drivers).flatMap((name) => {
    const driver = driverNamed(name);
    if (driver === undefined || forWriting.has(name)) return [];
    return [{ name, kind: driver.kind, fields: fieldsOf(driver) }];
  });
}

/** A driver's own options, and the name that other nodes and events know the node by. */
function fieldsOf(driver: Driver): readonly OptionField[] {
  const named = describeOptions(generic.pick({ "node-name": true }));
  return [...describeOptions(driver.options), ...named];
}

/** Nodes on top of each other, and in all: more than a person puts together by hand. */
const deepest = 32;
const mostNodes = 1000;

export interface CheckedGraph {
  /** Paths in place of tokens. Worth opening when there are no problems. */
  readonly options: NodeOptions;
  readonly problems: readonly OptionProblem[];
  /** Files it names, in the order of the tree. */
  readonly files: readonly FileRef[];
}

/** Checks every node with its driver's schema. Problems are data; throws EINVAL for what no form makes. */
export function checkGraph(tree: unknown, tokens: FileTokens): CheckedGraph {
  const check = new Check(tokens);
  const options = check.node(tree, []);
  return { options, problems: check.problems, files: check.files };
}

type Place = readonly string[];
type Tree = Readonly<Record<string, unknown>>;

class Check {
  readonly problems: OptionProblem[] = [];
  readonly files: FileRef[] = [];
  readonly #tokens: FileTokens;
  #nodes = 0;

  constructor(tokens: FileTokens) {
    this.#tokens = tokens;
  }

  node(given: unknown, place: Place): NodeOptions {
    if (!isTree(given)) throw malformed(place, "a node is an object");
    if (++this.#nodes > mostNodes) throw malformed(place, `more than ${mostNodes} nodes`);
    if (place.length > deepest) throw malformed(place, `nested deeper than ${deepest}`);
    const { driver: name, ...rest } = given;
    // Without a driver the format is detected, from a file.
    if (name === undefined) return this.#detected(rest, place);
    const driver = typeof name === "string" && !forWriting.has(name) ? driverNamed(name) : undefined;
    if (driver === undefined) throw malformed(place, `there is no driver '${String(name)}'`);
    const before = this.problems.length;
    const options = this.#fields(rest, fieldsOf(driver), place);
    const { "node-name": nodeName, ...own } = options;
    this.#parse(generic, { "node-name": nodeName }, place);
    // What a file or a child lacks is said already, in words for a form.
    if (this.problems.length === before) this.#parse(driver.options, { driver: name, ...own }, place);
    return { driver: String(name), ...options };
  }

  #detected({ file, ...others }: Tree, place: Place): NodeOptions {
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) throw malformed([...place, unknown], "a detected format takes a file only");
    return { file: this.node(file, [...place, "file"]) };
  }

  #fields(given: Tree, fields: readonly OptionField[], place: Place): Record<string, unknown> {
    const unknown = Object.keys(given).find((name) => !fields.some((field) => field.name === name));
    if (unknown !== undefined) throw malformed([...place, unknown], "there is no such option");
    const entries = fields.flatMap((field) => {
      const at = [...place, field.name];
      const value = given[field.name];
      if (value !== undefined) return [[field.name, this.#value(value, field, at)] as const];
      if (field.required) this.#problem(at, missing(field));
      return [];
    });
    return Object.fromEntries(entries);
  }

  #value(value: unknown, kind: OptionKind, place: Place): unknown {
    switch (kind.kind) {
      case "child":
        return this.node(value, place);
      case "file":
        return this.#file(value, place);
      case "list":
        if (!Array.isArray(value)) throw malformed(place, "must be a list");
        return value.map((member, index) => this.#value(member, kind.member, [...place, String(index)]));
      case "group":
        if (!isTree(value)) throw malformed(place, "must be a group of options");
        return this.#fields(value, kind.fields, place);
      default:
        if (typeof value === "object") throw malformed(place, "must be a plain value");
        return value;
    }
  }

  #file(value: unknown, place: Place): string {
    if (typeof value !== "string") throw malformed(place, "must be the token of a file");
    const file = this.#tokens.pathOf(value);
    this.files.push(this.#tokens.refOf(file));
    return file;
  }

  #parse(schema: Driver["options"], options: unknown, place: Place): void {
    const parsed = schema.safeParse(options);
    for (const issue of parsed.error?.issues ?? []) {
      this.#problem([...place, ...issue.path.map(String)], sentence(issue.message));
    }
  }

  #problem(place: Place, message: string): void {
    if (!this.problems.some((known) => known.place.join(".") === place.join("."))) {
      this.problems.push({ place, message });
    }
  }
}

function missing(field: OptionField): string {
  if (field.kind === "file") return "Choose a file.";
  if (field.kind === "child") return "Choose what it is.";
  return field.kind === "list" ? "Add at least one." : "Must be given.";
}

/** A schema's words as a sentence of their own. */
function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function malformed(place: Place, why: string): BlockError {
  const where = place.length === 0 ? "the options" : place.join(".");
  return new BlockError("EINVAL", `${where}: ${why}`);
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The graph as the command line's --image-opts takes it. */
export function imageOptsText(options: NodeOptions): string {
  const items: string[] = [];
  const add = (value: unknown, name: string) => {
    if (typeof value === "object" && value !== null) {
      for (const [key, member] of Object.entries(value)) add(member, name === "" ? key : `${name}.${key}`);
    } else if (value !== undefined) {
      const text = value === true ? "on" : value === false ? "off" : String(value);
      items.push(`${name}=${text.replaceAll(",", ",,")}`);
    }
  };
  add(options, "");
  return items.join(",");
}

/** The graph as one file name, which every command takes. */
export function jsonText(options: NodeOptions): string {
  return `json:${JSON.stringify(options)}`;
}

export interface KeptGraph {
  readonly options: NodeOptions;
  readonly paths: readonly string[];
  readonly file: FileRef;
}

/** Graphs that were opened, each with a token as a file has one, for this run of the app only. */
export class GraphTokens {
  readonly #byToken = new Map<string, KeptGraph>();
  readonly #byText = new Map<string, KeptGraph>();
  readonly #paths: (token: string) => string;

  constructor(files: FileTokens) {
    this.#paths = (token) => files.pathOf(token);
  }

  /** The same graph always has the same token. `name` instead of one made of its driver and files. */
  keep({ options, files }: Pick<CheckedGraph, "options" | "files">, name = nameOf(options, files)): FileRef {
    const text = JSON.stringify(options);
    const known = this.#byText.get(text);
    if (known !== undefined) return known.file;
    const kept = {
      options,
      paths: files.map(({ token }) => this.#paths(token)),
      file: {
        token: randomUUID(),
        name,
        folder: foldersOf(files),
        isGraph: true as const,
      },
    };
    this.#byText.set(text, kept);
    this.#byToken.set(kept.file.token, kept);
    return kept.file;
  }

  /** undefined for the token of a file. */
  get(token: string): KeptGraph | undefined {
    return this.#byToken.get(token);
  }
}

/** Characters of a name: it has to fit a tab. */
const longestName = 48;

/** "quorum (a.raw, b.raw, c.raw)". */
function nameOf(options: NodeOptions, files: readonly FileRef[]): string {
  const what = options.driver ?? "image";
  const names = [...new Set(files.map(({ name }) => name))].join(", ");
  if (names === "") return what;
  const short = names.length > longestName ? `${names.slice(0, longestName - 1)}…` : names;
  return `${what} (${short})`;
}

function foldersOf(files: readonly FileRef[]): string {
  return [...new Set(files.map(({ folder }) => folder))].join(", ");
}
