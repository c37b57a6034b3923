// qcow2 images that live and crash: versions, cluster sizes, widths of refcounts, subclusters, lazy refcounts and backing
// files.
import type { Finding } from "../../core/block/finding.ts";
import { buildQcow2, type Qcow2Spec } from "../build/qcow2.ts";
import type { Random } from "../build/random.ts";
import { contentOf, firstClusters, zoneAtEnd } from "./firstImage.ts";
import type { CrashFormat, Setting, Start } from "./format.ts";

/** What tells images apart besides what all formats have. */
export interface Qcow2Kind {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  readonly refcountOrder: number;
  readonly extended: boolean;
  readonly lazy: boolean;
  readonly isBacked: boolean;
  /** Clusters that are given up go back to the file system, whatever they were given up for. */
  readonly discards: boolean;
  /** Bitmaps are kept in it, or its version changes on the way; else neither. */
  readonly changes?: "bitmaps" | "version";
}

const widths = [1, 2, 4, 8, 16, 32, 64].map((bits) => ({ refcount_bits: bits }));
const lazies = [true, false].map((lazy) => ({ lazy_refcounts: lazy }));
const versions = [{ compat: "0.10" }, { compat: "0.10", refcount_bits: 16 }, { compat: "1.1" }];

export function qcow2Format(kind: Qcow2Kind): CrashFormat {
  const { version, refcountOrder, extended, lazy, isBacked, discards, changes } = kind;
  // An image may be of version 2 at any time.
  const isTwo = version === 2 || changes === "version";
  const names = [extended && "extended_l2", lazy && "lazy_refcounts", discards && "all discards passed"];
  return {
    driver: "qcow2",
    words: [`version ${version}, refcount_bits ${2 ** refcountOrder}`, ...names.filter(Boolean)].join(", "),
    options: {
      // Where that changes on the way, the image says it.
      ...(changes === undefined && { "lazy-refcounts": lazy }),
      "pass-discard-other": discards,
      // What the peer leaves out by default is looked at as well: nothing may ever be written over tables.
      "overlap-check": "all",
    },
    hasPeer: true,
    can: {
      // Without zero clusters what is discarded would show the backing file.
      discard: isTwo && isBacked ? "nothing" : "whole clusters",
      shrink: true,
      compress: true,
      snapshots: true,
      resizeWithSnapshots: !isTwo,
      bitmaps: changes === "bitmaps",
      amends: changes === undefined ? [] : [...widths, ...lazies, ...(changes === "version" ? versions : [])],
    },
    failsUntilRepaired: false,
    // qcow2, "Header": the version at byte 4, and bit 0 of `incompatible_features` at byte 72, big-endian, of version 3.
    isMarked: (file) => file[7] === 3 && (file[79] ?? 0) % 2 === 1,
    isHarmless: hasFlagOfLeak,
  };
}

/**
 * COPIED that does not fit the refcount, after a crash between the two. Not set, a write copies where it need not; set for
 * a cluster that counts too much, its only user may write to it all the same.
 */
function hasFlagOfLeak({ code, message, value = "0x0" }: Finding, all: readonly Finding[]): boolean {
  if (code !== "cluster-copied-flag" && code !== "l2-table-copied-flag") return false;
  if (message.includes("is not set")) return true;
  const cluster = Number(BigInt(value) % 2n ** 56n) - Number(BigInt(value) % 512n);
  return all.some(
    ({ kind, offset, length }) => kind === "leak" && offset <= cluster && cluster < offset + length,
  );
}

/** Small clusters mostly; half of the images with lazy refcounts where `lazy` is left open. */
export function chooseQcow2(
  random: Random,
  lazy?: boolean,
  changes?: "bitmaps" | "version",
): { setting: Setting; start: Start } {
  const extended = random.below(5) === 0;
  const isLazy = lazy ?? random.below(2) === 0;
  const version = changes !== undefined || extended || isLazy || random.below(4) > 0 ? 3 : 2;
  const clusterBits = extended ? 14 : random.pick([9, 9, 9, 10, 12, 12, 16]);
  const refcountOrder = version === 2 ? 4 : random.pick([0, 1, 2, 3, 4, 4, 5, 6]);
  const clusterSize = 2 ** clusterBits;
  const perTable = (clusterSize / (extended ? 16 : 8)) * clusterSize;
  const half = clusterBits < 14 ? 5 : 2;
  const size = perTable + half * clusterSize * 3 + random.below(clusterSize / 512) * 512;
  const zones = [
    { offset: 0, length: 2 * half * clusterSize },
    { offset: perTable - half * clusterSize, length: 2 * half * clusterSize },
    zoneAtEnd(size, half * clusterSize),
  ];
  const backingSize = random.pick([
    undefined,
    undefined,
    512 * (1 + random.below((half * clusterSize) / 512)),
    perTable + 512 * random.below(clusterSize / 512),
    size + 100 * clusterSize,
  ]);
  const discards = random.below(2) === 0;
  const isBacked = backingSize !== undefined;
  const kind = {
    version,
    clusterBits,
    refcountOrder,
    extended,
    lazy: isLazy,
    isBacked,
    discards,
    ...(changes && { changes }),
  } as const;
  const setting = { format: qcow2Format(kind), clusterSize, perTable, backingSize, zones };
  return { setting, start: firstImage(setting, kind, size, random) };
}

/** An image with a few clusters of each kind, built apart from the driver. */
function firstImage(setting: Setting, kind: Qcow2Kind, size: number, random: Random): Start {
  const { backingSize, clusterSize } = setting;
  const { version, clusterBits, refcountOrder, extended, lazy } = kind;
  // Version 2 has no zero clusters.
  const clusters = new Map(
    [...firstClusters(setting, size, random)].filter(([, content]) => version === 3 || content !== "zero"),
  );
  const spec: Qcow2Spec = {
    size,
    version,
    clusterBits,
    refcountOrder,
    extended,
    clusters,
    ...(lazy && { compatible: 1n }),
    ...(backingSize !== undefined && { backing: "base.raw" }),
  };
  const { bytes } = buildQcow2(spec);
  // What lies behind the last cluster is not zero: it was there before.
  const tail = random.bytes(random.pick([0, 0, 3 * clusterSize, 512 * 3 + 100]));
  const content = contentOf(setting, size, clusters);
  return { bytes: joined(bytes, tail), content, damaged: false, snapshots: [], bitmaps: [] };
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
