// A few bytes as text: place, eight bytes, their characters. What can't be read is ??.
import type { Page } from "../../../core/jobs/sessionContract.ts";

const perRow = 8;

/** Places count from the first byte. */
export function hexRows({ bytes, bad }: Page): string {
  const isBad = (at: number) => bad.some((range) => at >= range.offset && at < range.offset + range.length);
  const rows: string[] = [];
  for (let row = 0; row < bytes.length; row += perRow) {
    const cells = [...bytes.subarray(row, row + perRow)].map((byte, i) => ({ byte, bad: isBad(row + i) }));
    const digits = cells.map((cell) => (cell.bad ? "??" : cell.byte.toString(16).padStart(2, "0")));
    const text = cells.map(({ byte, bad: gone }) =>
      !gone && byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".",
    );
    const place = row.toString(16).padStart(2, "0");
    rows.push(`${place}  ${digits.join(" ").padEnd(perRow * 3 - 1)}  ${text.join("")}`);
  }
  return rows.join("\n");
}
