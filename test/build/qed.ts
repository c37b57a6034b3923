// Builds QED images byte by byte from the specification, so that a test can say exactly what is wrong with one.
// Independent of core/format/qed on purpose: a mistake there must not be repeated here.
//
// Layout: header clusters, the L1 table, then for every L2 table in ascending order the table and its clusters.

export interface QedSpec {
  /** Guest size, bytes. */
  readonly size: number | bigint;
  readonly clusterSize?: number;
  readonly tableSize?: number;
  readonly headerSize?: number;
  /** By guest cluster index: the cluster's bytes (padded with zeroes) or a zero cluster (entry 1). */
  readonly clusters?: ReadonlyMap<number, Uint8Array | "zero">;
  /** `raw` sets feature bit 0x04. */
  readonly backing?: { readonly name: string | Uint8Array; readonly raw?: boolean };
  /** Bits set besides those that the backing file needs. */
  readonly features?: bigint;
  readonly compat?: bigint;
  readonly autoclear?: bigint;
  /** Values put over entries at the end: [L1 index, value] and [L1 index, L2 index, value]. */
  readonly l1?: readonly (readonly [number, bigint])[];
  readonly l2?: readonly (readonly [number, number, bigint])[];
  /** 32-bit and 64-bit fields put over the header at the end: [byte offset, value]. */
  readonly u32?: readonly (readonly [number, number])[];
  readonly u64?: readonly (readonly [number, bigint])[];
  /** Bytes after the last cluster. */
  readonly tail?: number;
}

export interface BuiltQed {
  readonly bytes: Uint8Array;
  readonly l1Offset: number;
  /** By L1 index. */
  readonly l2Offsets: ReadonlyMap<number, number>;
  /** By guest cluster index. */
  readonly dataOffsets: ReadonlyMap<number, number>;
}

export function buildQed(spec: QedSpec): BuiltQed {
  const { clusterSize = 65536, tableSize = 4, headerSize = 1 } = spec;
  const tableBytes = tableSize * clusterSize;
  const entries = tableBytes / 8;
  const clusters = [...(spec.clusters ?? [])].sort(([a], [b]) => a - b);

  let end = headerSize * clusterSize;
  const take = (length: number) => {
    const at = end;
    end += length;
    return at;
  };
  const l1Offset = take(tableBytes);
  const l2Offsets = new Map<number, number>();
  const dataOffsets = new Map<number, number>();
  for (const [index, content] of clusters) {
    const l1Index = Math.floor(index / entries);
    if (!l2Offsets.has(l1Index)) l2Offsets.set(l1Index, take(tableBytes));
    if (content !== "zero") dataOffsets.set(index, take(clusterSize));
  }

  const bytes = new Uint8Array(end + (spec.tail ?? 0));
  const view = new DataView(bytes.buffer);
  const entry = (table: number, index: number, value: bigint) =>
    view.setBigUint64(table + index * 8, value, true);
  for (const [l1Index, offset] of l2Offsets) entry(l1Offset, l1Index, BigInt(offset));
  for (const [index, content] of clusters) {
    const table = l2Offsets.get(Math.floor(index / entries)) ?? 0;
    const offset = dataOffsets.get(index);
    entry(table, index % entries, offset === undefined ? 1n : BigInt(offset));
    if (offset !== undefined && content !== "zero") bytes.set(content, offset);
  }

  const name =
    typeof spec.backing?.name === "string" ? new TextEncoder().encode(spec.backing.name) : spec.backing?.name;
  bytes.set([0x51, 0x45, 0x44, 0x00]);
  view.setUint32(4, clusterSize, true);
  view.setUint32(8, tableSize, true);
  view.setUint32(12, headerSize, true);
  const backingBits = name === undefined ? 0n : spec.backing?.raw ? 5n : 1n;
  view.setBigUint64(16, backingBits | (spec.features ?? 0n), true);
  view.setBigUint64(24, spec.compat ?? 0n, true);
  view.setBigUint64(32, spec.autoclear ?? 0n, true);
  view.setBigUint64(40, BigInt(l1Offset), true);
  view.setBigUint64(48, BigInt(spec.size), true);
  if (name !== undefined) {
    view.setUint32(56, 64, true);
    view.setUint32(60, name.length, true);
    bytes.set(name, 64);
  }
  for (const [l1Index, value] of spec.l1 ?? []) entry(l1Offset, l1Index, value);
  for (const [l1Index, l2Index, value] of spec.l2 ?? []) entry(l2Offsets.get(l1Index) ?? 0, l2Index, value);
  for (const [at, value] of spec.u32 ?? []) view.setUint32(at, value, true);
  for (const [at, value] of spec.u64 ?? []) view.setBigUint64(at, value, true);
  return { bytes, l1Offset, l2Offsets, dataOffsets };
}
