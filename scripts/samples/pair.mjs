// The sample pair as bytes: sample.qed (A, damaged) and sample.raw (B, the reference).
import { clusterSize, damaged } from "./damage.mjs";
import { diskSize, makeDisk } from "./disk.mjs";
import { qedImage } from "./qedImage.mjs";
import { randomNumbers } from "./random.mjs";

/** Guest clusters, all zero on both sides, that the QED image marks as zero instead of leaving them out. */
export const zeroClusters = [12, 13, 14];

/** @returns {{ "sample.qed": Buffer, "sample.raw": Buffer }} */
export function samplePair() {
  const { a, b } = damaged(makeDisk());
  return { "sample.qed": qedImage(a, { clusterSize, order: writeOrder(a), zeroClusters }), "sample.raw": b };
}

/** The clusters that hold something, mostly in order, with a few written late: an image that has lived. */
function writeOrder(/** @type {Buffer} */ disk) {
  const random = randomNumbers(0x0de);
  /** @type {number[]} */
  const early = [];
  /** @type {number[]} */
  const late = [];
  for (let cluster = 0; cluster < diskSize / clusterSize; cluster++) {
    const bytes = disk.subarray(cluster * clusterSize, (cluster + 1) * clusterSize);
    if (bytes.every((byte) => byte === 0)) continue;
    (random(6) === 0 ? late : early).push(cluster);
  }
  return [...early, ...late.reverse()];
}
