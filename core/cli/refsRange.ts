// `refs --length`: what a range of an image's file is, as stretches of clusters of one kind that are referenced equally often.
import { kindWords } from "../block/kindWords.ts";
import type { ByteRange, Reference } from "../block/structure.ts";
import type { ClusterMap } from "../ops/clusterMap.ts";
import type { MapStretch } from "../ops/mapRun.ts";
import { stdout } from "./output.ts";
import { countedText, rangeText, referenceText } from "./referenceText.ts";

export interface RangeShown {
  /** Of the file: whole clusters, but for the one the file ends in. */
  readonly range: ByteRange;
  readonly stretches: readonly ShownStretch[];
  /** Also those not listed. */
  readonly total: number;
}

interface ShownStretch extends MapStretch {
  /** Who refers to its first cluster, the first of them. */
  readonly first: Reference | undefined;
}

/** `limit`: stretches that are listed. Throws EINVAL (not in the file), ECANCELED, EIO. */
export async function lookAtRange(map: ClusterMap, range: ByteRange, limit: number): Promise<RangeShown> {
  const stretches: ShownStretch[] = [];
  let [total, end] = [0, range.offset];
  for (const stretch of map.stretches(range)) {
    if (total < limit) {
      const { references } = await map.place(stretch.offset, 1);
      stretches.push({ ...stretch, first: references.list[0] });
    }
    total++;
    end = stretch.offset + stretch.length;
  }
  const offset = stretches[0]?.offset ?? range.offset;
  return { range: { offset, length: end - offset }, stretches, total };
}

export function printRange({ range, stretches, total }: RangeShown): void {
  stdout.line(`File range ${rangeText(range)}`);
  for (const stretch of stretches) {
    const { kind, clusters, counted, first } = stretch;
    const many = clusters === 1 ? "1 cluster" : `${clusters} clusters`;
    stdout.line(`  ${rangeText(stretch)}: ${kindWords[kind]}, ${many}, references: ${countedText(counted)}`);
    if (first !== undefined) stdout.line(`    ${clusters > 1 ? "first: " : ""}${referenceText(first)}`);
  }
  if (total > stretches.length) stdout.line(`  and ${total - stretches.length} more`);
}
