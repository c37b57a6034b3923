// Where a zstd frame ends, by its own headers: what follows the last frame of a compressed cluster belongs to others, and
// a decoder of whole frames must not see it. Specification: RFC 8878, "Frames".

const frameMagic = 0xfd2fb528;
/** The first of 16 in a row. */
const skippableMagic = 0x184d2a50;

/**
 * Bytes of the frame that begins `stream`; undefined where none begins or it does not end there. A skippable frame, which
 * gives no bytes, counts as one.
 */
export function frameLength(stream: Uint8Array): number | undefined {
  if (stream.length < 5) return undefined;
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  const magic = view.getUint32(0, true);
  if (magic !== frameMagic) return isSkippable(magic) ? skippableLength(view) : undefined;
  const descriptor = view.getUint8(4);
  let at = 5 + headerLength(descriptor);
  for (let isLast = false; !isLast; ) {
    if (at + 3 > stream.length) return undefined;
    const header = view.getUint16(at, true) + view.getUint8(at + 2) * 65_536;
    isLast = header % 2 === 1;
    const type = Math.floor(header / 2) % 4;
    if (type === 3) return undefined;
    at += 3 + (type === runLength ? 1 : Math.floor(header / 8));
  }
  const hasChecksum = Math.floor(descriptor / 4) % 2 === 1;
  const end = at + (hasChecksum ? 4 : 0);
  return end <= stream.length ? end : undefined;
}

/** The block type whose size says how often its one byte is repeated. */
const runLength = 1;

function isSkippable(magic: number): boolean {
  return magic >= skippableMagic && magic < skippableMagic + 16;
}

function skippableLength(view: DataView): number | undefined {
  if (view.byteLength < 8) return undefined;
  const length = 8 + view.getUint32(4, true);
  return length <= view.byteLength ? length : undefined;
}

/** Bytes between the descriptor and the first block: window, dictionary id, content size. */
function headerLength(descriptor: number): number {
  const isSingleSegment = Math.floor(descriptor / 32) % 2 === 1;
  const dictionaryId = [0, 1, 2, 4][descriptor % 4] ?? 0;
  const contentSize = [isSingleSegment ? 1 : 0, 2, 4, 8][Math.floor(descriptor / 64)] ?? 0;
  return (isSingleSegment ? 0 : 1) + dictionaryId + contentSize;
}
