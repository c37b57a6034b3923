// Names for the bytes of a QED file that are no guest data: fields of the header, entries of tables. The L1 table is
// read once for each question, in pieces, so that nothing has to be remembered (QED specification, "Header", "Tables").
import { big64le, bitNumbers, hex, join64, u32le } from "../../base/bytes.ts";
import { formatSize } from "../../base/units.ts";
import type { BlockNode } from "../../block/node.ts";
import type { StructureAt, StructureField } from "../../block/structure.ts";
import { faultOf } from "./check.ts";
import {
  type Bounds,
  boundsOf,
  guestRange,
  headerLength,
  isClusterOffset,
  isTableOffset,
  type QedHeader,
  tableEntries,
} from "./layout.ts";
import { PieceReader } from "./tablePieces.ts";

/** Undefined for what is no header and no table: data, or nothing. Throws EIO. */
export async function describeByte(
  file: BlockNode,
  header: QedHeader,
  offset: number,
): Promise<StructureAt | undefined> {
  const found = await structureAround(file, header, offset);
  if (found === undefined) return undefined;
  if (found === "header") {
    const field = await headerField(file, header, offset);
    return { name: "header", kind: "header", offset: 0, length: headerBytes(header), field };
  }
  const field = await entryAt(file, header, found, offset);
  const isL1 = found.level === 1;
  return {
    name: isL1 ? "L1 table" : `L2 table ${found.l1Index}`,
    kind: isL1 ? "l1-table" : "l2-table",
    offset: found.offset,
    length: header.tableSize * header.clusterSize,
    field,
  };
}

const headerBytes = ({ headerSize, clusterSize }: QedHeader) =>
  Math.max(headerLength, headerSize * clusterSize);

/** What the byte at `offset` is part of. Throws EIO. */
export async function structureAround(
  file: BlockNode,
  header: QedHeader,
  offset: number,
): Promise<Table | "header" | undefined> {
  const { clusterSize, tableSize, l1Offset } = header;
  if (offset >= l1Offset && offset < l1Offset + tableSize * clusterSize) {
    return { level: 1, offset: l1Offset, l1Index: 0 };
  }
  if (offset < headerBytes(header)) return "header";
  const table = await tableAround(file, header, boundsOf(header, file.size), offset);
  return table && { level: 2, ...table };
}

/** The first L2 table in the order of the L1 table that covers the byte. */
async function tableAround(file: BlockNode, header: QedHeader, bounds: Bounds, at: number) {
  const { clusterSize, tableSize, l1Offset } = header;
  for await (const { halves, first } of new PieceReader(file, tableEntries(header)).entries(l1Offset)) {
    for (let i = 0; i < halves.length; i += 2) {
      const offset = join64(halves[i] ?? 0, halves[i + 1] ?? 0);
      if (offset === undefined || offset > at || at >= offset + tableSize * clusterSize) continue;
      if (isTableOffset(offset, bounds)) return { l1Index: first + i / 2, offset };
    }
  }
  return undefined;
}

async function entryAt(
  file: BlockNode,
  header: QedHeader,
  table: Table,
  at: number,
): Promise<StructureField> {
  const index = Math.floor((at - table.offset) / 8);
  const bytes = new Uint8Array(8);
  await file.read(table.offset + index * 8, bytes);
  return entryField(header, boundsOf(header, file.size), table, index, bytes);
}

export interface Table {
  readonly level: 1 | 2;
  readonly offset: number;
  /** Of an L2 table. */
  readonly l1Index: number;
}

/** `bytes` begin with the entry. */
function entryField(
  header: QedHeader,
  bounds: Bounds,
  { level, offset, l1Index }: Table,
  index: number,
  bytes: Uint8Array,
): StructureField {
  const entries = tableEntries(header);
  const [firstCluster, clusters] = level === 1 ? [index * entries, entries] : [l1Index * entries + index, 1];
  return {
    name: `entry ${index}`,
    offset: offset + index * 8,
    length: 8,
    value: hex(big64le(bytes, 0)),
    ...pointedTo(u32le(bytes, 0), u32le(bytes, 4), level, index, bounds),
    ...guestRange(header, firstCluster, clusters),
  };
}

/** Entries of a table which are not 0, in `bytes` from `at` of the file on; answers how many. `note` may take the field. */
export function describeEntries(
  file: BlockNode,
  header: QedHeader,
  table: Table,
  at: number,
  bytes: Uint8Array,
  note: (field: () => StructureField) => void,
): number {
  const bounds = boundsOf(header, file.size);
  let found = 0;
  for (let from = 0; from + 8 <= bytes.length; from += 8) {
    const low = u32le(bytes, from);
    const high = u32le(bytes, from + 4);
    // Nothing, and zero clusters.
    if (high === 0 && low < table.level) continue;
    found++;
    const index = (at + from - table.offset) / 8;
    note(() => entryField(header, bounds, table, index, bytes.subarray(from, from + 8)));
  }
  return found;
}

/** Fields of the header that point into the file. Throws EIO. */
export async function headerPointers(file: BlockNode, header: QedHeader): Promise<readonly StructureField[]> {
  const all = await Promise.all(fields.map(({ offset }) => headerField(file, header, offset)));
  return all.flatMap((field) => (field?.target === undefined ? [] : field));
}

function pointedTo(low: number, high: number, level: 1 | 2, index: number, bounds: Bounds) {
  const { clusterSize, tableSize } = bounds;
  if (low === 0 && high === 0) return { meaning: level === 1 ? "no L2 table: unallocated" : "unallocated" };
  if (level === 2 && low === 1 && high === 0) return { meaning: "zero cluster" };
  const offset = join64(low, high);
  const length = level === 1 ? tableSize * clusterSize : clusterSize;
  const isGood =
    offset !== undefined && (level === 1 ? isTableOffset(offset, bounds) : isClusterOffset(offset, bounds));
  if (!isGood) return { meaning: `invalid: ${faultOf(low, high, length, bounds).why}` };
  const cluster = `cluster ${hexCluster(offset / clusterSize)}`;
  const meaning = level === 1 ? `-> L2 table ${index} at ${cluster}` : `-> ${cluster}`;
  return { meaning, target: { offset, length } };
}

const hexCluster = (index: number) => `0x${index.toString(16).toUpperCase()}`;

interface FieldLayout {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  /** How its value is written, and what it says. */
  show(bytes: Uint8Array, header: QedHeader): Pick<StructureField, "value" | "meaning" | "target">;
}

const number32 =
  (meaning: (value: number, header: QedHeader) => string) => (bytes: Uint8Array, header: QedHeader) => ({
    value: String(u32le(bytes, 0)),
    meaning: meaning(u32le(bytes, 0), header),
  });
const bits = (names: readonly string[]) => (bytes: Uint8Array) => {
  const value = big64le(bytes, 0);
  const set = bitNumbers(value).map((bit) => names[bit] ?? `unknown bit ${bit}`);
  return { value: hex(value), meaning: set.length === 0 ? "none set" : set.join(", ") };
};
const inClusters = (value: number, { clusterSize }: QedHeader) =>
  `${value} ${value === 1 ? "cluster" : "clusters"}, ${formatSize(value * clusterSize)}`;
const onlyWithBacking = (text: string, header: QedHeader) =>
  header.backingName === undefined ? "no meaning: there is no backing file" : text;

const fields: readonly FieldLayout[] = [
  {
    name: "magic",
    offset: 0,
    length: 4,
    show: (bytes) => ({ value: hex(u32le(bytes, 0)), meaning: "QED\\0" }),
  },
  { name: "cluster_size", offset: 4, length: 4, show: number32((value) => formatSize(value)) },
  { name: "table_size", offset: 8, length: 4, show: number32(inClusters) },
  { name: "header_size", offset: 12, length: 4, show: number32(inClusters) },
  {
    name: "features",
    offset: 16,
    length: 8,
    show: bits(["backing file", "need check (not closed properly)", "backing file is raw"]),
  },
  { name: "compat_features", offset: 24, length: 8, show: bits([]) },
  { name: "autoclear_features", offset: 32, length: 8, show: bits([]) },
  {
    name: "l1_table_offset",
    offset: 40,
    length: 8,
    show: (bytes, { l1Offset, tableSize, clusterSize }) => ({
      value: hex(big64le(bytes, 0)),
      meaning: `-> L1 table at cluster ${hexCluster(l1Offset / clusterSize)}`,
      target: { offset: l1Offset, length: tableSize * clusterSize },
    }),
  },
  {
    name: "image_size",
    offset: 48,
    length: 8,
    show: (bytes, { imageSize }) => ({
      value: String(big64le(bytes, 0)),
      meaning: `${formatSize(imageSize)}, the guest's disk`,
    }),
  },
  {
    name: "backing_filename_offset",
    offset: 56,
    length: 4,
    show: number32((value, header) => onlyWithBacking(`the name begins at byte ${value}`, header)),
  },
  {
    name: "backing_filename_size",
    offset: 60,
    length: 4,
    show: number32((value, header) => onlyWithBacking(`the name has ${value} bytes`, header)),
  },
];

async function headerField(
  file: BlockNode,
  header: QedHeader,
  at: number,
): Promise<StructureField | undefined> {
  const known = fields.find(({ offset, length }) => at >= offset && at < offset + length);
  if (known !== undefined) {
    const { name, offset, length, show } = known;
    const bytes = new Uint8Array(length);
    await file.read(offset, bytes);
    return { name, offset, length, ...show(bytes, header) };
  }
  const stored = header.backingName;
  if (stored === undefined || at < stored.offset || at >= stored.offset + stored.length) return undefined;
  const bytes = new Uint8Array(Math.min(stored.length, file.size - stored.offset));
  await file.read(stored.offset, bytes);
  const value = JSON.stringify(new TextDecoder().decode(bytes));
  return { name: "backing file name", ...stored, value, meaning: "the backing file" };
}
