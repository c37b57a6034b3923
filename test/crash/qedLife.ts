// QED images that live and crash: cluster and table sizes, backing files of all lengths, and a few clusters at the start.
import { buildQed, type QedSpec } from "../build/qed.ts";
import type { Random } from "../build/random.ts";
import { contentOf, type FirstClusters, firstClusters, zoneAtEnd } from "./firstImage.ts";
import type { CrashFormat, Setting, Start } from "./format.ts";

const mib = 1024 * 1024;

export function qedFormat(tableSize: number): CrashFormat {
  return {
    driver: "qed",
    words: `table_size ${tableSize}`,
    options: {},
    // qemu-img can't open tables of one cluster.
    hasPeer: tableSize > 1,
    can: {
      discard: "nothing",
      shrink: false,
      compress: false,
      snapshots: false,
      resizeWithSnapshots: false,
      bitmaps: false,
      amends: [],
    },
    failsUntilRepaired: true,
    // QED, "Header": bit 0x02 of `features` at byte 16.
    isMarked: (file) => Math.floor((file[16] ?? 0) / 2) % 2 === 1,
    isHarmless: () => false,
  };
}

/** Small clusters mostly, since they are quick; ranges at both ends of the disk and across two L2 tables. */
export function chooseQed(random: Random): { setting: Setting; start: Start } {
  const clusterSize = random.pick([4096, 4096, 4096, 65536]);
  const tableSize = random.pick([1, 2, 4]);
  const perTable = ((tableSize * clusterSize) / 8) * clusterSize;
  const half = clusterSize === 4096 ? 5 : 2;
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
    size,
    size + mib,
  ]);
  const setting = { format: qedFormat(tableSize), clusterSize, perTable, backingSize, zones };
  const clusters = firstClusters(setting, size, random);
  return { setting, start: firstImage(setting, tableSize, size, clusters, random) };
}

/** An image with a few clusters of each kind, built apart from the driver. */
function firstImage(
  setting: Setting,
  tableSize: number,
  size: number,
  clusters: FirstClusters,
  random: Random,
): Start {
  const { clusterSize, backingSize } = setting;
  const spec: QedSpec = {
    size,
    clusterSize,
    tableSize,
    clusters,
    tail: random.pick([0, 0, 512 * 3 + 100]),
    ...(backingSize !== undefined && { backing: { name: "base.raw", raw: true } }),
  };
  const content = contentOf(setting, size, clusters);
  return { bytes: buildQed(spec).bytes, content, damaged: false, snapshots: [], bitmaps: [] };
}
