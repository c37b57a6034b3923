// Copying a selection: reads what is not at hand, writes it in a format, hands the text to main. Bounded, with
// progress and an end on request.
import { BlockError } from "../../core/base/errors.ts";
import { call } from "../api.ts";
import { pages } from "../pageCache.ts";
import type { Surface } from "../store/surface.ts";
import { type CopyFormat, copiedLength, writerOf } from "./copyFormats.ts";

/** Bytes of a selection that the clipboard takes; more is for a file. */
export const copyLimit = 64 * 1024 * 1024;
/** Characters of a text that main takes (electron/ipc/contract.ts). */
const textLimit = 1 << 28;

export interface CopyRange {
  /** In the source's own offsets, within the source. */
  readonly offset: number;
  readonly length: number;
}

/** The selected bytes that the source has; undefined when none of them does. */
export function selectedBytes({ view, source, shift }: Surface): CopyRange | undefined {
  const { caret, anchor } = view.getState();
  const from = Math.max(0, Math.min(caret, anchor) + shift);
  const to = Math.min(source.size, Math.max(caret, anchor) + shift + 1);
  return to > from ? { offset: from, length: to - from } : undefined;
}

/** Why a range can't go to the clipboard in a format; undefined when it can. */
export function tooLarge(format: CopyFormat, length: number): string | undefined {
  if (length > copyLimit) return "A selection above 64 MiB can't be copied to the clipboard: select less.";
  if (copiedLength(format, length) > textLimit) {
    return "This format makes more text than can be handed over: select less, or choose a shorter format.";
  }
  return undefined;
}

/** The text of a range. `progress` is told a share from 0 to 1. Throws when a byte can't be read. */
export async function rangeText(
  surface: Surface,
  range: CopyRange,
  format: CopyFormat,
  options: { readonly signal?: AbortSignal; progress?(share: number): void } = {},
): Promise<string> {
  const refused = tooLarge(format, range.length);
  if (refused) throw new BlockError("EFBIG", refused);
  const { name } = surface.image.file;
  const writer = writerOf(format, { ...range, name, space: surface.space });
  const parts: string[] = [];
  let done = 0;
  for await (const bytes of pages.stream(surface.source, range.offset, range.length, options.signal)) {
    parts.push(writer.write(bytes));
    done += bytes.length;
    options.progress?.(done / range.length);
  }
  parts.push(writer.end());
  return parts.join("");
}

export async function copyToClipboard(text: string): Promise<void> {
  await call("clipboard:write", text);
}
