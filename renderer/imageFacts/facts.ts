// What an open image says of itself, as rows and tables of words: the node's facts in their order, by their own names.
import type { Fact } from "../../core/block/node.ts";
import type { OpenedImage } from "../../electron/ipc/contract.ts";
import { bytes, count, decimal } from "../widgets/format.ts";

export type FactRow = readonly [name: string, text: string];

/** Several things of one kind: bitmaps, key slots. */
export interface FactTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** All that there are, also those behind the limit. */
  readonly total: number;
}

export interface ImageFacts {
  readonly rows: readonly FactRow[];
  readonly tables: readonly FactTable[];
}

/** An image may have 65,535 bitmaps. */
export const mostRows = 500;

type Group = { readonly [name: string]: Fact };

export function factsOf({ format, size, fileSize, info }: OpenedImage): ImageFacts {
  const { backing, snapshots, specific } = info;
  const rows: FactRow[] = [
    ["Format", format.toUpperCase()],
    ["Guest disk", sizeText(size)],
    ["File", sizeText(fileSize)],
    ...(info.clusterSize === undefined ? [] : [["Clusters", bytes(info.clusterSize)] as const]),
    ...(info.dirty === undefined ? [] : [["Closed cleanly", info.dirty ? "no" : "yes"] as const]),
    ...(backing === undefined
      ? []
      : [
          ["Backing file", backing.filename] as const,
          ["Its format", backing.format ?? "not recorded: told by its first bytes"] as const,
        ]),
    ...(snapshots === undefined ? [] : [["Snapshots", decimal(snapshots.length)] as const]),
  ];
  const tables: FactTable[] = [];
  for (const [name, fact] of Object.entries(specific ?? {})) add(fact, name, rows, tables);
  return { rows, tables };
}

/** "The guest's bytes of disk.qcow2 are encrypted (LUKS) and can't be shown without the key." */
export function encryptedText({ file, info }: Pick<OpenedImage, "file" | "info">): string {
  const how = info.specific?.encrypt;
  const format = isGroup(how) && typeof how.format === "string" ? ` (${how.format.toUpperCase()})` : "";
  return `The guest's bytes of ${file.name} are encrypted${format} and can't be shown.`;
}

const isGroup = (fact: Fact | undefined): fact is Group =>
  typeof fact === "object" && fact !== null && !Array.isArray(fact);

function add(fact: Fact, name: string, rows: FactRow[], tables: FactTable[]): void {
  if (Array.isArray(fact)) {
    if (fact.every(isGroup)) tables.push(tableOf(sentenceCase(name), fact));
    else rows.push([sentenceCase(name), listText(fact)]);
  } else if (isGroup(fact)) {
    for (const [inner, part] of Object.entries(fact)) add(part, `${name} ${inner}`, rows, tables);
  } else {
    rows.push([sentenceCase(name), plainText(name, fact)]);
  }
}

function tableOf(title: string, list: readonly Group[]): FactTable {
  const known = new Set(list.flatMap(Object.keys));
  const columns = known.has("name") ? [...new Set(["name", ...known])] : [...known];
  const rows = list.slice(0, mostRows).map((one) =>
    columns.map((column) => {
      const fact = one[column];
      return fact === undefined ? "" : Array.isArray(fact) ? listText(fact) : plainText(column, fact);
    }),
  );
  return { title, columns: columns.map(sentenceCase), rows, total: list.length };
}

/** Names that stand for bytes. */
const inBytes: ReadonlySet<string> = new Set(["granularity"]);

function plainText(name: string, fact: Fact): string {
  if (typeof fact === "boolean") return fact ? "yes" : "no";
  if (typeof fact === "number") return inBytes.has(name) ? bytes(fact) : decimal(fact);
  return typeof fact === "string" ? fact : JSON.stringify(fact);
}

const listText = (list: readonly Fact[]) =>
  list.length === 0 ? "none" : list.map((one) => plainText("", one)).join(", ");

const sizeText = (size: number) => `${bytes(size)} (${count(size, "byte")})`;

/** "lazy-refcounts" -> "Lazy refcounts", "extended-l2" -> "Extended L2". */
function sentenceCase(name: string): string {
  const words = name.replaceAll("-", " ").replace(/\bl(?=[12]\b)/, "L");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
