// What can be mended of persistent bitmaps, as the check has found them: an entry of a table that breaks a rule, or all of
// them given up where their directory can't be read.
import { hex } from "../../base/bytes.ts";
import type { ByteRange, Finding } from "../../block/finding.ts";
import { extensionTypes } from "./extensions.ts";
import type { Qcow2Image } from "./header.ts";
import { autoclear } from "./layout.ts";
import { type Draft, noChanges } from "./planDraft.ts";
import { wordBytes } from "./planWords.ts";

const bitmapsId = "drop-bitmaps";

/** Those that can be mended. */
export class BitmapFaults {
  readonly #directory: { readonly field: number; readonly range: ByteRange } | undefined;
  readonly #entries: Finding[] = [];
  #whole: Finding | undefined;

  constructor({ extensions: { bitmaps, list } }: Qcow2Image) {
    if (bitmaps === undefined) return;
    const field = (list.findLast(({ type }) => type === extensionTypes.bitmaps)?.offset ?? 0) + 24;
    this.#directory = { field, range: { offset: bitmaps.directoryOffset, length: bitmaps.directorySize } };
  }

  add(finding: Finding): void {
    if (this.#directory === undefined) return;
    if (this.#isOfDirectory(finding)) this.#whole ??= finding;
    else if (isOfEntry(finding)) this.#entries.push(finding);
  }

  drafts(image: Qcow2Image): Draft[] {
    return this.#whole ? [dropDraft(image, this.#whole)] : this.#entries.map(entryDraft);
  }

  #isOfDirectory({ code, offset }: Finding): boolean {
    if (code !== "region-past-end") return code === "bitmap-directory-damaged";
    const { field, range } = this.#directory ?? {};
    return offset === field || (range !== undefined && isIn(offset, range));
  }
}

function isOfEntry({ code, table }: Finding): boolean {
  return table?.level === "bitmap table" && (code === "bitmap-entry-damaged" || code === "region-past-end");
}

const isIn = (at: number, range: ByteRange) => at >= range.offset && at < range.offset + range.length;

function dropDraft({ header }: Qcow2Image, { message }: Finding): Draft {
  const { autoclear: bits } = header;
  return {
    ...noChanges,
    fields: [{ offset: 88, oldBytes: wordBytes(bits), newBytes: wordBytes(bits & ~autoclear.bitmaps) }],
    item: {
      ...{ id: bitmapsId, action: "drop-bitmaps" },
      problem: message,
      effect:
        "Nothing of the disk reads differently; the image's bitmaps, which no program can read, are given up.",
      ...{ guest: [], risk: "cannot-be-undone-elsewhere", needs: [], isDefault: true },
      ...{ file: { offset: 88, length: 8 }, grows: 0 },
    },
  };
}

function entryDraft({ offset, value, message }: Finding): Draft {
  return {
    ...noChanges,
    words: [{ offset, oldWord: BigInt(value ?? 0), newWord: 1n }],
    item: {
      ...{ id: `fix:${hex(offset)}`, action: "fix-entry" },
      problem: message,
      effect:
        "Nothing of the disk reads differently; this part of the bitmap says that all of it has changed.",
      ...{ guest: [], risk: "cannot-be-undone-elsewhere", needs: [], isDefault: true },
      ...{ file: { offset, length: 8 }, grows: 0 },
    },
  };
}
