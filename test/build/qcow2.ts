// Builds qcow2 images byte by byte from the specification, so that a test can say exactly what is wrong with one.
// Independent of core/format/qcow2 on purpose: a mistake there must not be repeated here.
//
// Clusters: 0 header, 1 refcount table, 2 its only block, 3 L1 table, then L2 tables and data in ascending order, then
// what `extra` asks for.

export interface Qcow2Spec {
  /** Guest size, bytes. */
  readonly size: number;
  readonly version?: 2 | 3;
  readonly clusterBits?: number;
  /** Of version 3; default 4. */
  readonly refcountOrder?: number;
  readonly extended?: boolean;
  /** By guest cluster index: its bytes, a zero cluster, or an entry as it is to be stored. */
  readonly clusters?: ReadonlyMap<number, Uint8Array | "zero" | bigint>;
  /** By guest cluster index, the bitmap of an extended entry. Default: all subclusters allocated. */
  readonly bitmaps?: ReadonlyMap<number, bigint>;
  readonly incompatible?: bigint;
  readonly compatible?: bigint;
  readonly autoclear?: bigint;
  readonly extensions?: readonly (readonly [type: number, data: Uint8Array])[];
  readonly backing?: string;
  /** Further clusters at the end, each with its refcount. */
  readonly extra?: readonly (readonly [bytes: Uint8Array, refcount: number])[];
  /** Refcounts put over those that are right, by cluster of the file. */
  readonly refcounts?: ReadonlyMap<number, bigint>;
  /** Fields put over the file at the end: [offset, value]. */
  readonly u8?: readonly (readonly [number, number])[];
  readonly u32?: readonly (readonly [number, number])[];
  readonly u64?: readonly (readonly [number, bigint])[];
}

export interface BuiltQcow2 {
  readonly bytes: Uint8Array;
  readonly clusterSize: number;
  readonly l1Offset: number;
  /** By L1 index. */
  readonly l2Offsets: ReadonlyMap<number, number>;
  /** By guest cluster index. */
  readonly dataOffsets: ReadonlyMap<number, number>;
  /** Of `extra`, in its order. */
  readonly extraOffsets: readonly number[];
}

const copied = 1n << 63n;

export function buildQcow2(spec: Qcow2Spec): BuiltQcow2 {
  const { version = 3, clusterBits = 16, extended = false, extra = [] } = spec;
  const order = version === 2 ? 4 : (spec.refcountOrder ?? 4);
  const clusterSize = 2 ** clusterBits;
  const entryLength = extended ? 16 : 8;
  const perTable = clusterSize / entryLength;
  const clusters = [...(spec.clusters ?? [])].sort(([a], [b]) => a - b);
  const l1Entries = Math.ceil(spec.size / (clusterSize * perTable));
  const l1Clusters = Math.max(1, Math.ceil((l1Entries * 8) / clusterSize));

  let end = 3 * clusterSize;
  const take = (count = 1) => {
    const at = end;
    end += count * clusterSize;
    return at;
  };
  const l1Offset = take(l1Clusters);
  const l2Offsets = new Map<number, number>();
  const dataOffsets = new Map<number, number>();
  for (const [index, content] of clusters) {
    const l1Index = Math.floor(index / perTable);
    if (!l2Offsets.has(l1Index)) l2Offsets.set(l1Index, take());
    if (content instanceof Uint8Array) dataOffsets.set(index, take());
  }
  const extraOffsets = extra.map(() => take());

  const bytes = new Uint8Array(end);
  const view = new DataView(bytes.buffer);
  for (const [l1Index, offset] of l2Offsets)
    view.setBigUint64(l1Offset + l1Index * 8, BigInt(offset) | copied);
  for (const [index, content] of clusters) {
    const at = (l2Offsets.get(Math.floor(index / perTable)) ?? 0) + (index % perTable) * entryLength;
    const offset = dataOffsets.get(index) ?? 0;
    const stored =
      content === "zero"
        ? extended
          ? 0n
          : 1n
        : typeof content === "bigint"
          ? content
          : BigInt(offset) | copied;
    view.setBigUint64(at, stored);
    if (extended) {
      const whole = content === "zero" ? 0xffffffff00000000n : 0xffffffffn;
      view.setBigUint64(at + 8, spec.bitmaps?.get(index) ?? whole);
    }
    if (content instanceof Uint8Array) bytes.set(content, offset);
  }
  for (const [i, [content]] of extra.entries()) bytes.set(content, extraOffsets[i] ?? 0);

  view.setBigUint64(clusterSize, BigInt(2 * clusterSize));
  const extraCounts = new Map(
    extra.map(([, count], i) => [(extraOffsets[i] ?? 0) / clusterSize, BigInt(count)]),
  );
  for (let cluster = 0; cluster < end / clusterSize; cluster++) {
    const count = spec.refcounts?.get(cluster) ?? extraCounts.get(cluster) ?? 1n;
    putRefcount(view, 2 * clusterSize, cluster, order, count);
  }
  putHeader(view, bytes, spec, { version, clusterBits, order, l1Offset, l1Entries, clusterSize });
  for (const [at, value] of spec.u8 ?? []) view.setUint8(at, value);
  for (const [at, value] of spec.u32 ?? []) view.setUint32(at, value);
  for (const [at, value] of spec.u64 ?? []) view.setBigUint64(at, value);
  return { bytes, clusterSize, l1Offset, l2Offsets, dataOffsets, extraOffsets };
}

/** Below 8 bits the first entry of a byte is its lowest bits; wider ones are big-endian. */
function putRefcount(view: DataView, block: number, index: number, order: number, count: bigint): void {
  const bits = 2 ** order;
  if (bits < 8) {
    const perByte = 8 / bits;
    const at = block + Math.floor(index / perByte);
    const shift = (index % perByte) * bits;
    const mask = (2 ** bits - 1) << shift;
    view.setUint8(at, (view.getUint8(at) & ~mask) | ((Number(count) << shift) & mask));
  } else if (bits === 8) view.setUint8(block + index, Number(count));
  else if (bits === 16) view.setUint16(block + index * 2, Number(count));
  else if (bits === 32) view.setUint32(block + index * 4, Number(count));
  else view.setBigUint64(block + index * 8, count);
}

interface Layout {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  readonly order: number;
  readonly l1Offset: number;
  readonly l1Entries: number;
  readonly clusterSize: number;
}

function putHeader(view: DataView, bytes: Uint8Array, spec: Qcow2Spec, layout: Layout): void {
  const { version, clusterBits, order, l1Offset, l1Entries, clusterSize } = layout;
  bytes.set([0x51, 0x46, 0x49, 0xfb]);
  view.setUint32(4, version);
  view.setUint32(20, clusterBits);
  view.setBigUint64(24, BigInt(spec.size));
  view.setUint32(36, l1Entries);
  view.setBigUint64(40, BigInt(l1Offset));
  view.setBigUint64(48, BigInt(clusterSize));
  view.setUint32(56, 1);
  if (version === 3) {
    view.setBigUint64(72, (spec.incompatible ?? 0n) | (spec.extended ? 16n : 0n));
    view.setBigUint64(80, spec.compatible ?? 0n);
    view.setBigUint64(88, spec.autoclear ?? 0n);
    view.setUint32(96, order);
    view.setUint32(100, 112);
  }
  let at = version === 3 ? 112 : 72;
  for (const [type, data] of spec.extensions ?? []) {
    view.setUint32(at, type);
    view.setUint32(at + 4, data.length);
    bytes.set(data, at + 8);
    at += 8 + Math.ceil(data.length / 8) * 8;
  }
  at += 8;
  if (spec.backing === undefined) return;
  const name = new TextEncoder().encode(spec.backing);
  view.setBigUint64(8, BigInt(at));
  view.setUint32(16, name.length);
  bytes.set(name, at);
}

/** An entry of a snapshot table, whose L1 table is the one at `l1Offset`. */
export function snapshotEntry(one: {
  readonly id: string;
  readonly name: string;
  readonly l1Offset: number | bigint;
  readonly l1Entries: number;
  readonly diskSize?: number;
  readonly extraLength?: number;
}): Uint8Array {
  const text = new TextEncoder();
  const [id, name] = [text.encode(one.id), text.encode(one.name)];
  const extra = one.extraLength ?? 16;
  const bytes = new Uint8Array(Math.ceil((40 + extra + id.length + name.length) / 8) * 8);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(one.l1Offset));
  view.setUint32(8, one.l1Entries);
  view.setUint16(12, id.length);
  view.setUint16(14, name.length);
  view.setUint32(36, extra);
  if (extra >= 16) view.setBigUint64(48, BigInt(one.diskSize ?? 0));
  bytes.set(id, 40 + extra);
  bytes.set(name, 40 + extra + id.length);
  return bytes;
}
