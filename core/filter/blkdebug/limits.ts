// The limits that blkdebug can put on a disk: block size and the sizes of transfers. Bytes; 0 is no limit.
import { BlockError } from "../../base/errors.ts";

export interface Limits {
  /** Requests below are multiples of this. */
  readonly align: number;
  readonly maxTransfer: number;
  readonly optWriteZero: number;
  readonly maxWriteZero: number;
  readonly optDiscard: number;
  readonly maxDiscard: number;
}

/** Sizes are signed 32-bit numbers in the peer. */
const tooLarge = 2 ** 31 - 1;

/** Throws EINVAL in the words of the peer (filters reference, 4.1). */
export function checkLimits(limits: Limits): void {
  const { align } = limits;
  const unit = Math.max(1, align);
  const isPower = align === 0 || 2 ** Math.round(Math.log2(align)) === align;
  refuseUnless(isPower && align < tooLarge, "align", align);
  const multiple = (name: string, value: number, of: number) =>
    refuseUnless(value % of === 0 && value < tooLarge, name, value);
  multiple("max-transfer", limits.maxTransfer, unit);
  multiple("opt-write-zero", limits.optWriteZero, unit);
  multiple("max-write-zero", limits.maxWriteZero, Math.max(unit, limits.optWriteZero));
  multiple("opt-discard", limits.optDiscard, unit);
  multiple("max-discard", limits.maxDiscard, Math.max(unit, limits.optDiscard));
}

function refuseUnless(fine: boolean, name: string, value: number): void {
  if (!fine) throw new BlockError("EINVAL", `Cannot meet constraints with ${name} ${value}`);
}
