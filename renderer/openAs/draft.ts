// What is filled in so far in "Open as…": a tree of nodes with the values of their forms, changed by making new ones.
// Pure. A value is text, a file, a node, or a list of these; what is left empty is not given.
import type { PlainError } from "../../core/base/errors.ts";
import type { OptionField, OptionKind } from "../../core/block/optionForm.ts";
import type { DriverForm, FileRef, OptionProblem } from "../../electron/ipc/contract.ts";

export interface NodeDraft {
  readonly kind: "node";
  /** "": the format is detected from a file. */
  readonly driver: string;
  readonly values: Values;
}
export interface GroupDraft {
  readonly kind: "group";
  readonly values: Values;
}
export interface ListDraft {
  readonly kind: "list";
  readonly members: readonly Member[];
}
/** Keeps its key when the list is reordered. */
export interface Member {
  readonly key: number;
  readonly value: Draft;
}
export interface FileDraft {
  readonly kind: "file";
  readonly file: FileRef;
}
export interface TextDraft {
  readonly kind: "text";
  readonly text: string;
}
export type Draft = NodeDraft | GroupDraft | ListDraft | FileDraft | TextDraft;
export type Values = Readonly<Record<string, Draft>>;
export type Forms = ReadonlyMap<string, DriverForm>;
/** Names and numbers from the root. */
export type Place = readonly (string | number)[];

/** The form of a node whose format is detected: the file, nothing else. */
const detected: readonly OptionField[] = [{ name: "filename", kind: "file", required: true }];

export function fieldsOf(node: NodeDraft, forms: Forms): readonly OptionField[] {
  return node.driver === "" ? detected : (forms.get(node.driver)?.fields ?? []);
}

let lastKey = 0;
export const member = (value: Draft): Member => ({ key: ++lastKey, value });
export const text = (given: string): TextDraft => ({ kind: "text", text: given });

/** What most people want, where a schema can only say what is allowed: three copies, two of which agree. */
const usual: Readonly<
  Record<string, { readonly lists: Readonly<Record<string, number>>; readonly values: Values }>
> = {
  quorum: { lists: { children: 3 }, values: { "vote-threshold": text("2") } },
};

/** A node as it first shows: with its children to be filled in. */
export function newNode(driver: string, forms: Forms): NodeDraft {
  const node: NodeDraft = { kind: "node", driver, values: {} };
  const values: Record<string, Draft> = {};
  for (const field of fieldsOf(node, forms)) {
    // A format stands on a file as it is; elsewhere a child is an image of its own.
    const isFormat = forms.get(driver)?.kind === "format";
    if (field.kind === "child" && field.required) values[field.name] = newNode(isFormat ? "file" : "", forms);
    if (field.kind === "list" && field.required) {
      const wanted = usual[driver]?.lists[field.name] ?? 1;
      values[field.name] = {
        kind: "list",
        members: Array.from({ length: wanted }, () => member(newMember(field.member, forms))),
      };
    }
  }
  return { ...node, values: { ...values, ...usual[driver]?.values } };
}

/** An empty member of a list. */
export function newMember(kind: OptionKind, forms: Forms): Draft {
  if (kind.kind === "child") return newNode("", forms);
  if (kind.kind === "group") return { kind: "group", values: {} };
  return text("");
}

/** Another driver for a node; a file that was chosen stays if there is a place for it. */
export function withDriver(node: NodeDraft, driver: string, forms: Forms): NodeDraft {
  const next = newNode(driver, forms);
  const file = fileIn(node);
  if (file === undefined) return next;
  const fields = fieldsOf(next, forms);
  if (fields.some(({ name, kind }) => name === "filename" && kind === "file")) {
    return { ...next, values: { ...next.values, filename: file } };
  }
  const inner = next.values.file;
  if (inner?.kind !== "node") return next;
  return { ...next, values: { ...next.values, file: { ...inner, values: { filename: file } } } };
}

/** The file of a node, or of the one its `file` is. */
function fileIn({ values }: NodeDraft): FileDraft | undefined {
  if (values.filename?.kind === "file") return values.filename;
  return values.file?.kind === "node" ? fileIn(values.file) : undefined;
}

/** The tree with another value at a place; undefined takes it away. */
export function withValue(draft: Draft, place: Place, value: Draft | undefined): Draft {
  const [step, ...rest] = place;
  if (step === undefined) return value ?? draft;
  if (draft.kind === "list") {
    const members = draft.members.map((one, index) =>
      index === step ? { ...one, value: withValue(one.value, rest, value) } : one,
    );
    return { ...draft, members };
  }
  if (draft.kind !== "node" && draft.kind !== "group") return draft;
  const { [step]: old, ...others } = draft.values;
  if (rest.length === 0 && value === undefined) return { ...draft, values: others };
  const next = rest.length === 0 ? value : old && withValue(old, rest, value);
  return next === undefined ? draft : { ...draft, values: { ...draft.values, [step]: next } };
}

export function moved(list: ListDraft, index: number, by: 1 | -1): ListDraft {
  const members = [...list.members];
  const [one] = members.splice(index, 1);
  if (one !== undefined) members.splice(index + by, 0, one);
  return { ...list, members };
}

export const removed = (list: ListDraft, index: number): ListDraft => ({
  ...list,
  members: list.members.filter((_, at) => at !== index),
});

export type Json = string | number | boolean | Json[] | { [key: string]: Json };

/** As main takes it: options with the tokens of files, without what is empty. */
export function toOptions(node: NodeDraft, forms: Forms): { [key: string]: Json } {
  if (node.driver === "") {
    const file = valuesOf(node.values, fieldsOf(node, forms), forms);
    return { file: { driver: "file", ...file } };
  }
  return { driver: node.driver, ...valuesOf(node.values, fieldsOf(node, forms), forms) };
}

function valuesOf(values: Values, fields: readonly OptionField[], forms: Forms): { [key: string]: Json } {
  const entries = fields.flatMap(({ name, ...kind }) => {
    const draft = values[name];
    const json = draft && jsonOf(draft, kind as OptionKind, forms);
    return json === undefined ? [] : [[name, json] as const];
  });
  return Object.fromEntries(entries);
}

function jsonOf(draft: Draft, kind: OptionKind, forms: Forms): Json | undefined {
  switch (draft.kind) {
    case "node":
      return toOptions(draft, forms);
    case "group":
      return kind.kind === "group" ? valuesOf(draft.values, kind.fields, forms) : undefined;
    case "list":
      if (kind.kind !== "list") return undefined;
      return draft.members.flatMap(({ value }) => jsonOf(value, kind.member, forms) ?? []);
    case "file":
      return draft.file.token;
    case "text":
      return draft.text.trim() === "" ? undefined : draft.text.trim();
  }
}

/** Key of a field in the form: "children.1.filename". */
export const keyOf = (place: Place): string => place.join(".");

/** Problems by the key of the field they belong to; "" for the graph as a whole. */
export function problemsByKey(
  root: NodeDraft,
  problems: readonly OptionProblem[],
  forms: Forms,
): ReadonlyMap<string, string> {
  return new Map(problems.map(({ place, message }) => [fieldKey(root, place, forms), message]));
}

/** The field or node of the form that an option's path means: the file of a detected node is a field of that node. */
function fieldKey(root: NodeDraft, path: readonly string[], forms: Forms): string {
  let at: Draft | undefined = root;
  const key: string[] = [];
  for (const step of path) {
    if (at?.kind === "node" && at.driver === "") {
      // Its one field is the name of the file below it.
      if (step === "file") continue;
      if (step === "filename") key.push(step);
      break;
    }
    const next: Draft | undefined = stepInto(at, step);
    if (next === undefined && !hasField(at, step, forms)) break;
    key.push(step);
    at = next;
  }
  return key.join(".");
}

function stepInto(at: Draft | undefined, step: string): Draft | undefined {
  if (at?.kind === "list") return at.members[Number(step)]?.value;
  return at?.kind === "node" || at?.kind === "group" ? at.values[step] : undefined;
}

/** Group members are looked up by their list's own form; any name of theirs is taken. */
function hasField(at: Draft | undefined, step: string, forms: Forms): boolean {
  if (at?.kind === "group") return true;
  return at?.kind === "node" && fieldsOf(at, forms).some(({ name }) => name === step);
}

/** Where an error of the opening belongs: the file that could not be opened, else the node that refused. */
export function placeOfError(root: NodeDraft, error: PlainError, forms: Forms): string {
  const path = (error.context.place ?? "").split(".").filter((step) => step !== "");
  const aboutFile = error.context.path !== undefined || filesOwn.has(error.code);
  const { option } = error.context;
  const below = option === undefined ? (aboutFile ? ["filename"] : []) : [option];
  return fieldKey(root, [...path, ...below], forms);
}

/** Codes with which the system refuses a file. */
const filesOwn: ReadonlySet<string> = new Set(["ENOENT", "EACCES", "EPERM", "EBUSY"]);
