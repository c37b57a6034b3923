// What `info` says of a qcow2 image, in the peer's names and order.
import { pathOf, plainBackingPath } from "../../block/backing.ts";
import type { OpenContext } from "../../block/driver.ts";
import type { BlockNode, Fact, NodeInfo, SnapshotInfo } from "../../block/node.ts";
import type { Qcow2Bitmap } from "./bitmaps.ts";
import type { Qcow2Image } from "./header.ts";
import { autoclear, compatible, incompatible, type Qcow2Header } from "./layout.ts";
import type { Qcow2Snapshot, SnapshotFault } from "./snapshots.ts";

/** What is read once, when the image is opened. */
export interface Qcow2Facts {
  readonly snapshots: readonly Qcow2Snapshot[];
  /** What is wrong with their table, of an image that is inspected. */
  readonly snapshotFaults: readonly SnapshotFault[];
  readonly bitmaps: readonly Qcow2Bitmap[];
  /** How the data are encrypted; undefined where they are not. */
  readonly encryption: Readonly<Record<string, Fact>> | undefined;
  /** Where its used clusters end, of an image that is inspected and whose file ends before. */
  readonly usedEnd?: number | undefined;
}

export function infoOf(
  image: Qcow2Image,
  facts: Qcow2Facts,
  file: BlockNode,
  context: Pick<OpenContext, "baseDir">,
): NodeInfo {
  const { header, extensions, backing } = image;
  const { snapshots, encryption, usedEnd } = facts;
  const { backingFormat } = extensions;
  const full =
    backing === undefined || backing.fault !== undefined
      ? undefined
      : plainBackingPath({ name: backing.text, image: pathOf(file), baseDir: context.baseDir });
  return {
    clusterSize: header.clusterSize,
    dirty: (header.incompatible & incompatible.dirty) !== 0n,
    corrupt: (header.incompatible & incompatible.corrupt) !== 0n,
    ...(usedEnd !== undefined && { usedEnd }),
    byteOrder: "big",
    ...(backing !== undefined && {
      backing: {
        filename: backing.text,
        ...(full !== undefined && { fullFilename: full }),
        ...(backingFormat !== undefined && { format: backingFormat }),
      },
    }),
    ...(encryption !== undefined && { encrypted: true }),
    snapshots: snapshots.map(plainSnapshot),
    vmStateOffset: vmStateOffset(header),
    specific: specificOf(image, facts),
  };
}

/** Where a machine's state lies: behind what the L2 tables of the disk speak of. */
export function vmStateOffset({ size, clusterSize, l2Entries }: Qcow2Header): number {
  const l2Span = clusterSize * l2Entries;
  return Math.ceil(size / l2Span) * l2Span;
}

function specificOf(
  { header, extensions }: Qcow2Image,
  { bitmaps, encryption, snapshotFaults }: Qcow2Facts,
): NonNullable<NodeInfo["specific"]> {
  const isThree = header.version === 3;
  const has = (field: bigint, bit: bigint) => (field & bit) !== 0n;
  const { dataFile } = extensions;
  const { fault } = header.refcountTable;
  return {
    compat: isThree ? "1.1" : "0.10",
    "compression-type": header.compression,
    ...(isThree && { "lazy-refcounts": has(header.compatible, compatible.lazyRefcounts) }),
    ...(bitmaps.length > 0 && { bitmaps: bitmaps.map(bitmapFacts) }),
    "refcount-bits": 2 ** header.refcountOrder,
    ...(encryption !== undefined && { encrypt: encryption }),
    ...(dataFile !== undefined && { "data-file": dataFile }),
    ...(header.hasDataFile && { "data-file-raw": has(header.autoclear, autoclear.rawDataFile) }),
    ...(isThree && {
      corrupt: has(header.incompatible, incompatible.corrupt),
      "extended-l2": header.l2EntryLength === 16,
    }),
    ...(fault !== undefined && { "refcount-table": fault.error.message }),
    ...(snapshotFaults[0] !== undefined && { "snapshot-table": snapshotFaults[0].error.message }),
  };
}

function bitmapFacts({ name, granularity, isInUse, isAuto }: Qcow2Bitmap): Fact {
  return { flags: [...(isInUse ? ["in-use"] : []), ...(isAuto ? ["auto"] : [])], name, granularity };
}

/** Without what only this format knows of it. */
function plainSnapshot(one: Qcow2Snapshot): SnapshotInfo {
  const {
    offset: _at,
    length: _length,
    idLength: _id,
    nameLength: _name,
    extraLength: _extra,
    l1: _l1,
    ...plain
  } = one;
  return plain;
}
