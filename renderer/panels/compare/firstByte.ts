// The first byte in which the two images differ within one sector: runs are told by sectors, a person looks for
// bytes. Beyond an image's end there are zeros.
import { sectorSize } from "../../../core/ops/mismatch.ts";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";

/** Offset in A of the first differing byte of the sector at `offset`; undefined if none differs or can be read. */
export async function firstDifference(
  a: OpenedImage,
  b: OpenedImage,
  offset: number,
  shift: number,
): Promise<number | undefined> {
  try {
    const [left, right] = await Promise.all([sectorOf(a, offset), sectorOf(b, offset + shift)]);
    const at = left.findIndex((byte, index) => byte !== right[index]);
    return at < 0 ? undefined : offset + at;
  } catch {
    // The panes tell what can't be read, and why.
    return undefined;
  }
}

async function sectorOf({ image, size }: OpenedImage, offset: number): Promise<Uint8Array> {
  const sector = new Uint8Array(sectorSize);
  const from = Math.max(0, offset);
  const length = Math.min(offset + sectorSize, size) - from;
  if (length <= 0) return sector;
  const { bytes } = await call("image:read", { image, node: "", offset: from, length });
  sector.set(bytes.subarray(0, length), from - offset);
  return sector;
}
