// The structures of a qcow2 file by place: which one a byte of it belongs to. Formats' tables are looked up anew for each
// question, in pieces, so that nothing has to be remembered.
import type { BlockNode } from "../../block/node.ts";
import type { ClusterKind } from "../../block/structure.ts";
import type { Qcow2Bitmap } from "./bitmaps.ts";
import { offsetOf } from "./entry.ts";
import type { Qcow2Image } from "./header.ts";
import type { Qcow2Facts } from "./info.ts";
import { limits, type TablePlace } from "./layout.ts";
import { PieceReader } from "./pieces.ts";
import { refcountBlocks } from "./refcounts.ts";
import type { Qcow2Snapshot } from "./snapshots.ts";

/** Everything that a question about the file's structure needs. */
export interface StructureSource {
  readonly file: BlockNode;
  readonly image: Qcow2Image;
  readonly facts: Qcow2Facts;
  /** The snapshot that the node shows; undefined for the disk as it is. */
  readonly shown: Qcow2Snapshot | undefined;
  /** Brings the file up to date with what is in memory; undefined where nothing is. */
  readonly settle?: (() => Promise<void>) | undefined;
}

/** An L1 table: of the disk as it is, or of a snapshot. */
export interface Root {
  /** Before names of entries: "" or "snapshot 1, ". */
  readonly prefix: string;
  readonly snapshot: Qcow2Snapshot | undefined;
  readonly table: TablePlace;
  /** Guest bytes behind it. */
  readonly size: number;
}

export type Part =
  | { readonly type: "header" | "snapshot-table" | "bitmap-directory" | "refcount-table" }
  | { readonly type: "refcount-block"; readonly index: number; readonly offset: number }
  | { readonly type: "l1"; readonly root: Root }
  | { readonly type: "l2"; readonly root: Root; readonly l1Index: number; readonly offset: number }
  | { readonly type: "bitmap-table"; readonly bitmap: Qcow2Bitmap };

export const kindOfPart: Readonly<Record<Part["type"], ClusterKind>> = {
  header: "header",
  "snapshot-table": "snapshot-table",
  "bitmap-directory": "bitmap",
  "refcount-table": "refcount-table",
  "refcount-block": "refcount-block",
  l1: "l1-table",
  l2: "l2-table",
  "bitmap-table": "bitmap",
};

/** Bytes of snapshots' L1 tables looked at for one question: more would be a hostile image's. */
const mostRootBytes = 256 * 1024 * 1024;

/** The tables that lead to guest data: the active one first. Those of snapshots that break a rule are left out. */
export function rootsOf({ image: { header }, facts }: StructureSource): Root[] {
  const active: Root = { prefix: "", snapshot: undefined, table: header.l1, size: header.size };
  const roots = [active];
  const seen = new Set([header.l1.offset]);
  let bytes = 0;
  for (const snapshot of facts.snapshots) {
    const offset = Number(snapshot.l1.offset);
    const { entries } = snapshot.l1;
    bytes += entries * 8;
    if (bytes > mostRootBytes) break;
    const isGood = Number.isSafeInteger(offset) && offset % header.clusterSize === 0 && !seen.has(offset);
    if (!isGood || entries * 8 > limits.l1Table) continue;
    seen.add(offset);
    const prefix = `snapshot ${snapshot.id}, `;
    roots.push({ prefix, snapshot, table: { offset, entries }, size: snapshot.diskSize });
  }
  return roots;
}

/** Bytes of the snapshot table. */
export function snapshotTableLength({ facts, image }: StructureSource): number {
  const last = facts.snapshots.at(-1);
  return last === undefined ? 0 : last.offset + last.length - image.header.snapshots.offset;
}

/** The structure around a byte of the file; undefined for data and for what nobody owns. Throws EIO. */
export async function partAround(source: StructureSource, at: number): Promise<Part | undefined> {
  const { image, file, facts } = source;
  const { header, extensions } = image;
  const isIn = (offset: number, length: number) => at >= offset && at < offset + length;
  const roots = rootsOf(source);
  const root = roots.find(({ table }) => isIn(table.offset, table.entries * 8));
  if (root !== undefined) return { type: "l1", root };
  if (isIn(0, header.clusterSize)) return { type: "header" };
  const { offset, clusters } = header.refcountTable;
  if (isIn(offset, clusters * header.clusterSize)) return { type: "refcount-table" };
  if (isIn(header.snapshots.offset, snapshotTableLength(source))) return { type: "snapshot-table" };
  const { bitmaps } = extensions;
  if (bitmaps && isIn(bitmaps.directoryOffset, bitmaps.directorySize)) return { type: "bitmap-directory" };
  const bitmap = facts.bitmaps.find(({ tableOffset, tableEntries }) => isIn(tableOffset, tableEntries * 8));
  if (bitmap !== undefined) return { type: "bitmap-table", bitmap };
  const cluster = Math.floor(at / header.clusterSize) * header.clusterSize;
  for await (const block of refcountBlocks(file, header)) {
    if (block.offset === cluster) return { type: "refcount-block", index: block.index, offset: cluster };
  }
  return l2Around(file, roots, cluster);
}

async function l2Around(file: BlockNode, roots: readonly Root[], cluster: number): Promise<Part | undefined> {
  const reader = new PieceReader(file);
  for (const root of roots) {
    for await (const { halves, first } of reader.words(root.table)) {
      for (let at = 0; at < halves.length; at += 2) {
        const offset = offsetOf(halves[at] ?? 0, halves[at + 1] ?? 0);
        if (offset === cluster && offset !== 0) return { type: "l2", root, l1Index: first + at / 2, offset };
      }
    }
  }
  return undefined;
}
