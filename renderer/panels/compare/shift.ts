// The shift of B as a person types it: "512", "-0x200", "+1s", "8 sectors", "4 KiB". Pure.
import { sectorSize } from "../../../core/ops/mismatch.ts";
import { literal } from "../../goto/literal.ts";

export type ParsedShift =
  | { readonly ok: true; readonly shift: number }
  | { readonly ok: false; readonly message: string };

/** A shift in bytes; it may not move the images wholly past each other. */
export function parseShift(text: string, sizeA: number, sizeB: number): ParsedShift {
  const match = /^([+-]?)(.*)$/.exec(text.replace(/\s+/g, ""));
  const word = (match?.[2] ?? "").replace(/sectors?$/i, "s").replace(/bytes?$/i, "");
  if (word === "") return { ok: false, message: "Type a number of bytes, or of sectors as in 8s" };
  const number = literal(word);
  if (!number.ok) return number;
  if (number.unit === "c")
    return { ok: false, message: "Clusters may differ between the images; use bytes or sectors" };
  const bytes = number.value * BigInt(number.unit === "s" ? sectorSize : 1);
  const shift = match?.[1] === "-" ? -bytes : bytes;
  if (shift >= BigInt(sizeB) || -shift >= BigInt(sizeA)) {
    return { ok: false, message: "That moves the images past each other; nothing would be left to compare" };
  }
  // Minus zero would be another value than zero.
  return { ok: true, shift: Number(shift) + 0 };
}
