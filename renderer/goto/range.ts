// A range of bytes from two expressions, for the select-range dialog.
import { evaluate, type GoToContext } from "./expression.ts";

export interface RangeText {
  readonly start: string;
  readonly second: string;
  /** What `second` is: the length in bytes, or the last byte's offset. */
  readonly mode: "length" | "end";
}

export type SelectedRange =
  /** Both bytes are part of the range. */
  | { readonly ok: true; readonly first: number; readonly last: number }
  | { readonly ok: false; readonly field: "start" | "second"; readonly message: string };

export function selectedRange(text: RangeText, context: GoToContext): SelectedRange {
  const start = evaluate(text.start, context);
  if (!start.ok) return { ok: false, field: "start", message: start.message };
  const first = start.target.offset;
  if (start.target.space !== context.space) return wrongSpace("start", context);
  // A length is an offset from 0; "+512" is the same as "512".
  const size = context.sizes[context.space];
  const second = evaluate(text.second, { ...context, caret: text.mode === "length" ? 0 : context.caret });
  if (!second.ok) return { ok: false, field: "second", message: second.message };
  if (second.target.space !== context.space) return wrongSpace("second", context);
  const { offset, atEnd } = second.target;
  const last = text.mode === "end" || atEnd ? offset + (text.mode === "end" ? 0 : first) : first + offset - 1;
  if (last < first) {
    return {
      ok: false,
      field: "second",
      message: text.mode === "end" ? "Before the start" : "At least 1 byte",
    };
  }
  if (last >= size)
    return { ok: false, field: "second", message: `Past the end of the image (${size} bytes)` };
  return { ok: true, first, last };
}

function wrongSpace(field: "start" | "second", context: GoToContext): SelectedRange {
  return { ok: false, field, message: `The view shows ${context.space} offsets; give the range in them` };
}
