// The header of an encrypted image, as far as it tells how the data are encrypted. Nothing here decrypts anything.
// Specification: LUKS on-disk format, version 1, "The partition header".
import { startsWith, u16be, u32be } from "../../base/bytes.ts";
import type { BlockNode, Fact } from "../../block/node.ts";
import type { CryptoExtension } from "./extensions.ts";
import { readPadded } from "./header.ts";

const magic = Uint8Array.of(0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe);
const headerLength = 592;
const slots = 8;
const slotsAt = 208;
const slotLength = 48;
const activeSlot = 0x00ac71f3;
const sector = 512;

/** In the peer's names and order; only the format where the header is none. Throws EIO. */
export async function luksFacts(
  file: BlockNode,
  crypto: CryptoExtension,
): Promise<Readonly<Record<string, Fact>>> {
  const bytes = new Uint8Array(headerLength);
  await readPadded(file, crypto.offset, bytes);
  if (!startsWith(bytes, magic) || u16be(bytes, 6) !== 1) return { format: "luks" };
  const cipher = text(bytes, 8, 32);
  const [mode = "", ...generator] = text(bytes, 40, 32).split("-");
  const [ivgen = "", ...hash] = generator.join("-").split(":");
  // In this mode half of the key is for the position.
  const keyBits = u32be(bytes, 108) * (mode === "xts" ? 4 : 8);
  return {
    ...(ivgen !== "" && { "ivgen-alg": ivgen }),
    ...(hash.length > 0 && { "ivgen-hash-alg": hash.join(":") }),
    "hash-alg": text(bytes, 72, 32),
    "cipher-alg": `${cipher}-${keyBits}`,
    uuid: text(bytes, 168, 40),
    format: "luks",
    "cipher-mode": mode,
    slots: Array.from({ length: slots }, (_, index) => slotFacts(bytes, slotsAt + index * slotLength)),
    "payload-offset": u32be(bytes, 104) * sector,
    "master-key-iters": u32be(bytes, 164),
  };
}

function slotFacts(bytes: Uint8Array, at: number): Fact {
  const isActive = u32be(bytes, at) === activeSlot;
  const place = { "key-offset": u32be(bytes, at + 40) * sector };
  if (!isActive) return { active: false, ...place };
  return { active: true, iters: u32be(bytes, at + 4), ...place, stripes: u32be(bytes, at + 44) };
}

function text(bytes: Uint8Array, at: number, length: number): string {
  return new TextDecoder().decode(bytes.subarray(at, at + length)).split("\0", 1)[0] ?? "";
}
