// What an entry changed as rows for the eye: one line where its bytes are what was there, two (− what it overwrote, + what
// it wrote) where they are not.
export const bytesPerRow = 8;

export interface ChangeByte {
  readonly digits: string;
  /** Its character; a dot for what can't be shown. */
  readonly text: string;
  readonly differs: boolean;
}

export interface ChangeLine {
  readonly offset: number;
  readonly sign: "same" | "before" | "after";
  readonly bytes: readonly ChangeByte[];
}

/** Both of the same length; rows begin at multiples of 8 bytes of the disk. */
export function changeLines(offset: number, before: Uint8Array, after: Uint8Array): readonly ChangeLine[] {
  const lines: ChangeLine[] = [];
  for (let at = 0; at < after.length; ) {
    const end = Math.min(after.length, at + bytesPerRow - ((offset + at) % bytesPerRow));
    const places = Array.from({ length: end - at }, (_, i) => at + i);
    const side = (bytes: Uint8Array) =>
      places.map((place) => byteOf(bytes[place] ?? 0, before[place] !== after[place]));
    const [old, now] = [side(before), side(after)];
    if (now.some(({ differs }) => differs)) {
      lines.push({ offset: offset + at, sign: "before", bytes: old });
      lines.push({ offset: offset + at, sign: "after", bytes: now });
    } else {
      lines.push({ offset: offset + at, sign: "same", bytes: now });
    }
    at = end;
  }
  return lines;
}

function byteOf(byte: number, differs: boolean): ChangeByte {
  return {
    digits: byte.toString(16).padStart(2, "0"),
    text: byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".",
    differs,
  };
}
