// The repair that the peer knows: entries that point nowhere are set to 0. A cluster that is used twice stays as it is,
// and then the need-check bit stays set.
import { formatSize } from "../../base/units.ts";
import type { CheckResult, Finding, RepairItem, RepairPlan, RepairWrite } from "../../block/finding.ts";
import { encodeHeader, featureBits, type QedHeader } from "./layout.ts";

const entryLength = 8;

/** `result` is that of the check which made the findings. */
export function planQedRepair(
  header: QedHeader,
  findings: readonly Finding[],
  result: CheckResult,
  hasBacking: boolean,
): RepairPlan {
  const items = findings
    .filter(({ repair, value }) => repair === "clear-entry" && value !== undefined)
    .map((finding) => clearEntry(finding, hasBacking));
  // Each item answers one corruption of the count; what is left over no repair here mends.
  const isMended =
    result.corruptions === items.length && result.checkErrors === 0 && result.findingsDropped === 0;
  return { items, dirtyBit: isMended ? clearBit(header) : undefined };
}

function clearEntry(finding: Finding, hasBacking: boolean): RepairItem {
  const oldBytes = new Uint8Array(entryLength);
  new DataView(oldBytes.buffer).setBigUint64(0, BigInt(finding.value ?? 0), true);
  const reads = hasBacking ? "reads from the backing file" : "reads as zeroes";
  const effect =
    finding.guest === undefined
      ? "Nothing in the image changes: the entry lies behind its end."
      : `${formatSize(finding.guest.length)} at guest offset ${finding.guest.offset} ${reads}; until now it can't be read.`;
  return {
    finding,
    effect,
    write: { offset: finding.offset, oldBytes, newBytes: new Uint8Array(entryLength) },
  };
}

const featuresOffset = 16;

/** The write that clears the need-check bit; undefined where it is clear. */
export function clearBit(header: QedHeader): RepairWrite | undefined {
  if ((header.features & featureBits.needCheck) === 0n) return undefined;
  const features = (of: QedHeader) => encodeHeader(of).slice(featuresOffset, featuresOffset + 8);
  return {
    offset: featuresOffset,
    oldBytes: features(header),
    newBytes: features({ ...header, features: header.features & ~featureBits.needCheck }),
  };
}
