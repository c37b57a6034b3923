// The first byte in which the two images differ within one sector: runs are told by sectors, a person looks for
// bytes. Beyond an image's end there are zeros.
import { sectorSize } from "../../../core/ops/mismatch.ts";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import type { ByteSource } from "../../hex/model.ts";
import { pages } from "../../pageCache.ts";
import { useImages } from "../../store/images.ts";

/** Offset in A of the first differing byte of the sector at `offset`; undefined if none differs or can be read. */
export async function firstDifference(
  a: OpenedImage,
  b: OpenedImage,
  offset: number,
  shift: number,
): Promise<number | undefined> {
  try {
    const [left, right] = await Promise.all([sectorBytes(a, offset), sectorBytes(b, offset + shift)]);
    const at = left.findIndex((byte, index) => byte !== right[index]);
    return at < 0 ? undefined : offset + at;
  } catch {
    // The panes tell what can't be read, and why.
    return undefined;
  }
}

/** The sector's bytes. Throws where they can't be read. */
export async function sectorBytes(image: OpenedImage, offset: number): Promise<Uint8Array<ArrayBuffer>> {
  const sector = new Uint8Array(sectorSize);
  const from = Math.max(0, offset);
  const length = Math.min(offset + sectorSize, image.size) - from;
  if (length <= 0) return sector;
  for await (const bytes of pages.stream(sourceOf(image), from, length)) sector.set(bytes, from - offset);
  return sector;
}

function sourceOf({ image, size, file }: OpenedImage): ByteSource {
  const known = useImages.getState().byToken[file.token];
  return { image, node: "", size, generation: known?.kind === "open" ? known.generation : 0 };
}
