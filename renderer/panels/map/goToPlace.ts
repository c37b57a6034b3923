// What a go-to expression means on a map: an offset of the file or of the guest's disk. Pure.
import { evaluate, type Target } from "../../goto/expression.ts";
import { bytePosition } from "../../shell/position.ts";
import { noGuestText, type ShownMap } from "./session.ts";

/** Where an expression leads, or why nowhere, in words. */
export interface MapGoal {
  readonly target: Target | undefined;
  readonly text: string;
}

/** `cursor`: cluster of the order that shows, from which relative jumps start. Undefined for an empty text. */
export function goalOf(
  text: string,
  shown: ShownMap,
  order: "file" | "guest",
  cursor: number,
): MapGoal | undefined {
  if (text.trim() === "") return undefined;
  const { file, guest } = shown.sources;
  if (guest === undefined && /^\s*guest\s*:/i.test(text))
    return { target: undefined, text: noGuestText(shown) };
  const { clusterSize } = (order === "guest" ? guest : undefined) ?? file;
  const result = evaluate(text, {
    caret: cursor * clusterSize,
    space: order,
    sizes: { file: file.fileSize, guest: guest?.fileSize ?? 0 },
    clusterSize,
  });
  if (!result.ok) return { target: undefined, text: result.message };
  const { target, notes } = result;
  const place = bytePosition({ space: target.space, clusterSize, shift: 0 }, target.offset);
  return { target, text: [place, ...notes].join(". ") };
}
