// Names and meanings for the fields of a header, its extensions, and entries of snapshot tables and bitmap directories.
import { big64be, bitNumbers, hex, u16be, u32be, u64be } from "../../base/bytes.ts";
import { formatSize } from "../../base/units.ts";
import type { HeaderPart, StructureField } from "../../block/structure.ts";
import type { Qcow2Bitmap } from "./bitmaps.ts";
import { extensionName, extensionTypes } from "./extensions.ts";
import { hexCluster } from "./fields.ts";
import { featureNames, headerLengths, type Qcow2Header, snapshotEntryLength } from "./layout.ts";
import type { StructureSource } from "./parts.ts";
import type { Qcow2Snapshot } from "./snapshots.ts";

type Shown = Pick<StructureField, "value" | "meaning" | "target">;
type Show = (bytes: Uint8Array, header: Qcow2Header) => Shown;
type FieldLayout = readonly [name: string, offset: number, length: 1 | 2 | 4 | 8, show: Show];

const number =
  (meaning: (value: number, header: Qcow2Header) => string): Show =>
  (bytes, header) => {
    const value = numberIn(bytes);
    return { value: String(value), meaning: meaning(Number(value), header) };
  };

function numberIn(bytes: Uint8Array): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

const bits =
  (names: readonly string[]): Show =>
  (bytes) => {
    const value = big64be(bytes, 0);
    const set = bitNumbers(value).map((bit) => names[bit] ?? `unknown bit ${bit}`);
    return { value: hex(value), meaning: set.length === 0 ? "none set" : set.join(", ") };
  };

/** `lengthOf`: bytes of what it points to; 0 for nothing. */
const pointer =
  (what: string, lengthOf: (header: Qcow2Header) => number): Show =>
  (bytes, header) => {
    const offset = u64be(bytes, 0);
    const value = hex(big64be(bytes, 0));
    const length = lengthOf(header);
    if (length === 0 || offset === undefined) return { value, meaning: `there is no ${what}` };
    const meaning = `-> ${what} at cluster ${hexCluster(offset / header.clusterSize)}`;
    return { value, meaning, target: { offset, length } };
  };

const plural = (count: number, what: string) => `${count} ${what}${count === 1 ? "" : "s"}`;
const crypts = ["not encrypted", "AES", "LUKS"];
const codecs = ["zlib", "zstd"];

const fields: readonly FieldLayout[] = [
  ["magic", 0, 4, (bytes) => ({ value: hex(u32be(bytes, 0)), meaning: "QFI\\xfb" })],
  ["version", 4, 4, number((value) => `compatibility level ${value === 2 ? "0.10" : "1.1"}`)],
  ["backing_file_offset", 8, 8, pointer("backing file name", ({ backingName }) => backingName?.length ?? 0)],
  ["backing_file_size", 16, 4, number((value) => `the name has ${plural(value, "byte")}`)],
  ["cluster_bits", 20, 4, number((_, { clusterSize }) => formatSize(clusterSize))],
  ["size", 24, 8, number((value) => `${formatSize(value)}, the guest's disk`)],
  ["crypt_method", 32, 4, number((value) => crypts[value] ?? "unknown")],
  ["l1_size", 36, 4, number((value) => `${value} ${value === 1 ? "entry" : "entries"}`)],
  ["l1_table_offset", 40, 8, pointer("L1 table", ({ l1 }) => l1.entries * 8)],
  [
    "refcount_table_offset",
    48,
    8,
    pointer("refcount table", ({ refcountTable, clusterSize }) => refcountTable.clusters * clusterSize),
  ],
  ["refcount_table_clusters", 56, 4, number((value) => plural(value, "cluster"))],
  ["nb_snapshots", 60, 4, number((value) => plural(value, "snapshot"))],
  [
    "snapshots_offset",
    64,
    8,
    pointer("snapshot table", ({ snapshots }) => (snapshots.count === 0 ? 0 : snapshotEntryLength)),
  ],
];

const fieldsOfThree: readonly FieldLayout[] = [
  ["incompatible_features", 72, 8, bits(featureNames.incompatible)],
  ["compatible_features", 80, 8, bits(featureNames.compatible)],
  ["autoclear_features", 88, 8, bits(featureNames.autoclear)],
  ["refcount_order", 96, 4, number((value) => plural(2 ** value, "bit"))],
  ["header_length", 100, 4, number((value) => plural(value, "byte"))],
];
const compressionField: FieldLayout = [
  "compression_type",
  104,
  1,
  number((value) => codecs[value] ?? "unknown"),
];

function fieldsOf({ version, headerLength }: Qcow2Header): readonly FieldLayout[] {
  if (version === 2) return fields;
  return [...fields, ...fieldsOfThree, ...(headerLength > headerLengths[3] ? [compressionField] : [])];
}

/** All fields of the first cluster, in its order. `cluster` are its bytes. */
export function headerFields({ image }: StructureSource, cluster: Uint8Array): StructureField[] {
  const { header, extensions, backing } = image;
  const own = fieldsOf(header).map(([name, offset, length, show]) => ({
    name,
    offset,
    length,
    ...show(cluster.subarray(offset, offset + length), header),
  }));
  const records = extensions.list.flatMap(({ type, offset, data }): StructureField[] => [
    { name: "extension type", offset, length: 4, value: hex(type), meaning: extensionName(type) },
    {
      name: "extension length",
      offset: offset + 4,
      length: 4,
      value: String(data.length),
      meaning: plural(data.length, "byte"),
    },
    ...(data.length === 0 ? [] : extensionFields(type, offset + 8, data)),
  ]);
  const name = header.backingName && {
    name: "backing file name",
    ...header.backingName,
    value: JSON.stringify(backing?.text ?? ""),
    meaning: "the backing file",
  };
  return [...own, ...records, ...(name ? [name] : [])];
}

function extensionFields(type: number, offset: number, data: Uint8Array): StructureField[] {
  const whole = (value: string) => [
    { name: extensionName(type), offset, length: data.length, value, meaning: extensionName(type) },
  ];
  switch (type) {
    case extensionTypes.backingFormat:
    case extensionTypes.dataFile:
      return whole(JSON.stringify(new TextDecoder().decode(data)));
    case extensionTypes.crypto:
      return data.length < 16 ? whole(hexBytes(data)) : cryptoFields(offset, data);
    case extensionTypes.bitmaps:
      return data.length < 24 ? whole(hexBytes(data)) : bitmapFields(offset, data);
    case extensionTypes.featureNames:
      return featureFields(offset, data);
    default:
      return whole(hexBytes(data));
  }
}

function hexBytes(data: Uint8Array): string {
  const shown = [...data.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return data.length > 16 ? `${shown} ...` : shown;
}

function cryptoFields(offset: number, data: Uint8Array): StructureField[] {
  const at = u64be(data, 0);
  const length = u64be(data, 8);
  const target = at !== undefined && length !== undefined && { target: { offset: at, length } };
  return [
    {
      name: "encryption header offset",
      offset,
      length: 8,
      value: hex(big64be(data, 0)),
      meaning: "-> LUKS header",
      ...target,
    },
    {
      name: "encryption header length",
      offset: offset + 8,
      length: 8,
      value: String(big64be(data, 8)),
      meaning: length === undefined ? "invalid" : formatSize(length),
    },
  ];
}

function bitmapFields(offset: number, data: Uint8Array): StructureField[] {
  const at = u64be(data, 16);
  const length = u64be(data, 8);
  const target = at !== undefined && length !== undefined && { target: { offset: at, length } };
  const field = (name: string, from: number, size: number, meaning: string) => ({
    name,
    offset: offset + from,
    length: size,
    value: String(numberIn(data.subarray(from, from + size))),
    meaning,
  });
  return [
    field("nb_bitmaps", 0, 4, plural(u32be(data, 0), "bitmap")),
    field("reserved", 4, 4, "0"),
    field("bitmap_directory_size", 8, 8, length === undefined ? "invalid" : plural(length, "byte")),
    {
      ...field("bitmap_directory_offset", 16, 8, "-> bitmap directory"),
      value: hex(big64be(data, 16)),
      ...target,
    },
  ];
}

function featureFields(offset: number, data: Uint8Array): StructureField[] {
  const groups = ["incompatible", "compatible", "autoclear"];
  const list: StructureField[] = [];
  for (let at = 0; at + 48 <= data.length; at += 48) {
    const name = new TextDecoder().decode(data.subarray(at + 2, at + 48)).replace(/\0.*$/s, "");
    const group = groups[data[at] ?? 0] ?? `unknown group ${data[at]}`;
    const meaning = `${group} feature bit ${data[at + 1]}`;
    list.push({
      name: "feature name",
      offset: offset + at,
      length: 48,
      value: JSON.stringify(name),
      meaning,
    });
  }
  return list;
}

/** What of the first cluster has a meaning, in the order of the file. */
export function headerParts({ image }: StructureSource): HeaderPart[] {
  const { header, extensions, backing } = image;
  const records = extensions.list.map(({ type, offset, data }): HeaderPart => {
    const length = 8 + Math.ceil(data.length / 8) * 8;
    const part = { name: extensionName(type), offset, length };
    return type === extensionTypes.dataFile ? { ...part, text: new TextDecoder().decode(data) } : part;
  });
  const name = header.backingName && {
    name: "backing file name",
    ...header.backingName,
    ...(backing && { text: backing.text }),
  };
  return [{ name: "header", offset: 0, length: header.headerLength }, ...records, ...(name ? [name] : [])];
}

/** Fields of one entry of the snapshot table. `bytes` are the entry's. */
export function snapshotFields(
  one: Qcow2Snapshot,
  index: number,
  bytes: Uint8Array,
  clusterSize: number,
): StructureField[] {
  const field = (name: string, from: number, length: number, meaning: string, value?: string) => ({
    name: `entry ${index}, ${name}`,
    offset: one.offset + from,
    length,
    value: value ?? String(numberIn(bytes.subarray(from, from + length))),
    meaning,
  });
  const l1 = Number(one.l1.offset);
  const isPlaced = Number.isSafeInteger(l1) && l1 % clusterSize === 0 && one.l1.entries > 0;
  const extra = [
    field("vm_state_size", 40, 8, formatSize(one.vmStateSize)),
    field("disk size", 48, 8, formatSize(one.diskSize)),
    field("icount", 56, 8, one.icount === undefined ? "not counted" : "instructions"),
  ].filter(({ offset }) => offset + 8 <= one.offset + snapshotEntryLength + one.extraLength);
  const idAt = snapshotEntryLength + one.extraLength;
  return [
    {
      ...field(
        "l1_table_offset",
        0,
        8,
        isPlaced ? `-> L1 table at cluster ${hexCluster(l1 / clusterSize)}` : "invalid",
      ),
      value: hex(one.l1.offset),
      ...(isPlaced && { target: { offset: l1, length: one.l1.entries * 8 } }),
    },
    field("l1_size", 8, 4, "entries of the L1 table"),
    field("id length", 12, 2, plural(u16be(bytes, 12), "byte")),
    field("name length", 14, 2, plural(u16be(bytes, 14), "byte")),
    field("date, seconds", 16, 4, isoDate(one.dateSeconds)),
    field("date, nanoseconds", 20, 4, "of the second"),
    field("vm clock", 24, 8, "nanoseconds that the machine had run"),
    field("vm_state_size (32 bits)", 32, 4, "replaced by the one with 64 bits where there is one"),
    field("extra_data_size", 36, 4, plural(one.extraLength, "byte")),
    ...extra,
    field("id", idAt, one.idLength, "id", JSON.stringify(one.id)),
    field("name", idAt + one.idLength, one.nameLength, "name", JSON.stringify(one.name)),
  ];
}

function isoDate(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

/** Fields of one entry of the bitmap directory. */
export function bitmapEntryFields(one: Qcow2Bitmap, index: number, clusterSize: number): StructureField[] {
  const flags = [...(one.isInUse ? ["in use"] : []), ...(one.isAuto ? ["auto"] : [])];
  const field = (name: string, from: number, length: number, value: string, meaning: string) => ({
    name: `entry ${index}, ${name}`,
    offset: one.offset + from,
    length,
    value,
    meaning,
  });
  const cluster = hexCluster(one.tableOffset / clusterSize);
  const nameLength = new TextEncoder().encode(one.name).length;
  return [
    {
      ...field("bitmap_table_offset", 0, 8, hex(one.tableOffset), `-> bitmap table at cluster ${cluster}`),
      target: { offset: one.tableOffset, length: one.tableEntries * 8 },
    },
    field("bitmap_table_size", 8, 4, String(one.tableEntries), "entries"),
    field(
      "flags",
      12,
      4,
      String(Number(one.isInUse) + 2 * Number(one.isAuto)),
      flags.join(", ") || "none set",
    ),
    field("type", 16, 1, "1", "dirty tracking bitmap"),
    field("granularity_bits", 17, 1, String(Math.log2(one.granularity)), formatSize(one.granularity)),
    field("name_size", 18, 2, String(nameLength), plural(nameLength, "byte")),
    field("extra_data_size", 20, 4, "0", "none"),
    field("name", 24, nameLength, JSON.stringify(one.name), "name"),
  ];
}
