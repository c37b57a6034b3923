// How much of the end that a repair cuts off its undo journal keeps: holes are only counted. Looks at the file's extents,
// not at its bytes.
import type { RepairScript } from "../block/finding.ts";
import type { BlockNode } from "../block/node.ts";
import { type KeptTail, mostData } from "./journal.ts";

/** Extents that are looked at: what lies behind them is taken for data. */
const mostExtents = 10_000;

/** The most that it can be: zeroes that are stored are only counted as well. Throws EIO. */
export async function keptTail(
  file: Pick<BlockNode, "extentAt">,
  { cutSize, oldSize }: Pick<RepairScript, "cutSize" | "oldSize">,
): Promise<KeptTail> {
  const kept = { bytes: 0, records: 0 };
  /** Up to here all is counted. Pieces begin where the file is cut. */
  let counted = cutSize;
  for (let at = cutSize, looked = 0; at < oldSize; looked++) {
    const extent = looked < mostExtents ? await file.extentAt(at, oldSize - at) : rest(at, oldSize);
    const end = at + extent.length;
    if (extent.state !== "zero") {
      const from = Math.max(counted, cutSize + Math.floor((at - cutSize) / mostData) * mostData);
      const to = Math.min(oldSize, cutSize + Math.ceil((end - cutSize) / mostData) * mostData);
      if (from > counted) kept.records++;
      kept.records += Math.ceil(Math.max(0, to - from) / mostData);
      kept.bytes += Math.max(0, to - from);
      counted = Math.max(counted, to);
    }
    at = end;
  }
  if (oldSize > counted) kept.records++;
  return kept;
}

function rest(at: number, end: number): { readonly state: "data"; readonly length: number } {
  return { state: "data", length: end - at };
}
