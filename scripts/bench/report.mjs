// The bench's output: one table a suite, on stdout.

/**
 * One line. `goal` is what was promised, `met` whether it is kept (undefined: nothing was promised).
 * @typedef {{ what: string, value: string, peer?: string, ratio?: string, goal?: string, met?: boolean }} Line
 */

/** @param {string} title @param {readonly Line[]} lines */
export function table(title, lines) {
  const header = { what: title, value: "ours", peer: "peer", ratio: "ratio", goal: "goal", verdict: "" };
  const rows = [header, ...lines.map((line) => ({ ...line, verdict: verdictOf(line) }))];
  /** @type {readonly (keyof typeof header)[]} */
  const columns = ["what", "value", "peer", "ratio", "goal", "verdict"];
  const widths = columns.map((column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  const lineOf = (/** @type {Partial<Record<keyof typeof header, string>>} */ row) =>
    columns
      .map((column, i) => (row[column] ?? "").padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd();
  const [first = "", ...others] = rows.map(lineOf);
  return [first, "-".repeat(first.length), ...others].join("\n");
}

function verdictOf(/** @type {Line} */ { met }) {
  if (met === undefined) return "";
  return met ? "met" : "MISSED";
}

export const ms = (/** @type {number} */ value) => `${value.toFixed(0)} ms`;
export const mib = (/** @type {number} */ bytes) => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;

/** "2.04x faster" or "1.20x slower" of ours against a peer. */
export function speed(/** @type {number} */ ours, /** @type {number} */ peer) {
  return peer >= ours ? `${(peer / ours).toFixed(2)}x faster` : `${(ours / peer).toFixed(2)}x slower`;
}
