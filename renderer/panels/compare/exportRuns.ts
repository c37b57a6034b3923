// The mismatch list as a file: CSV, JSON lines (the members of `blkscope compare --all --output json`) or a
// Markdown table. Written row by row by a generator, so that the caller can pause between chunks; every format
// says whether the scan was complete.
import { type Signature, sectorSize, type Unreadable } from "../../../core/ops/mismatch.ts";
import { bytes, decimal, hex, percent } from "../../widgets/format.ts";
import type { Run } from "./runTable.ts";
import { sectorRange, signatureLabel } from "./wording.ts";

export const exportFormats = ["csv", "json", "markdown"] as const;
export type ExportFormat = (typeof exportFormats)[number];
export const exportLabels: Readonly<Record<ExportFormat, string>> = {
  csv: "CSV table",
  json: "JSON lines",
  markdown: "Markdown table",
};
const extensions: Readonly<Record<ExportFormat, string>> = { csv: "csv", json: "jsonl", markdown: "md" };

export interface ExportScope {
  readonly nameA: string;
  readonly nameB: string;
  readonly sizeA: number;
  readonly sizeB: number;
  readonly strict: boolean;
  readonly shift: number;
  /** Everything was scanned and could be read. */
  readonly complete: boolean;
  readonly cancelled: boolean;
  readonly identical: boolean;
  readonly scannedTo: number;
  readonly total: number;
  readonly runs: number;
  readonly sectors: number;
  readonly bytes: number;
  readonly unreadableRanges: number;
  readonly unreadableBytes: number;
  readonly first: number | undefined;
  readonly mergedAfter: number | undefined;
  readonly elapsedMs: number | undefined;
}

/** "disk.qed vs disk.raw mismatches (partial).csv". */
export function exportName(format: ExportFormat, scope: ExportScope): string {
  const clean = (name: string) => name.replace(/[^\p{L}\p{N}._ -]+/gu, "_").slice(0, 60);
  const partial = scope.complete ? "" : " (partial)";
  return `${clean(scope.nameA)} vs ${clean(scope.nameB)} mismatches${partial}.${extensions[format]}`;
}

/** Pieces of the file in order; each row is one piece. */
export function* exportPieces(
  format: ExportFormat,
  scope: ExportScope,
  runs: Iterable<Run>,
  unreadable: Iterable<Unreadable>,
): Generator<string> {
  if (format === "csv") yield* csv(scope, runs);
  else if (format === "json") yield* jsonLines(scope, runs, unreadable);
  else yield* markdown(scope, runs, unreadable);
}

function* csv(scope: ExportScope, runs: Iterable<Run>): Generator<string> {
  yield `# ${scopeText(scope)}\n`;
  yield "number,offset,offset-hex,length,first-sector,sectors,bytes-different,signature,cause,merged-runs\n";
  for (const run of runs) {
    const fields = [
      run.row + 1,
      run.offset,
      hex(run.offset),
      run.length,
      Math.floor(run.offset / sectorSize),
      run.sectors,
      run.bytes,
      run.signature,
      quoted(signatureLabel(run)),
      run.runs,
    ];
    yield `${fields.join(",")}\n`;
  }
}

/** Signatures whose detail says something. */
const detailed: ReadonlySet<Signature> = new Set(["single-bit", "byte-swapped", "shifted", "torn", "moved"]);

function* jsonLines(
  scope: ExportScope,
  runs: Iterable<Run>,
  unreadable: Iterable<Unreadable>,
): Generator<string> {
  const bySignature: Record<string, number> = {};
  let rows = 0;
  for (const run of runs) {
    bySignature[run.signature] = (bySignature[run.signature] ?? 0) + 1;
    rows += 1;
    yield line({
      offset: run.offset,
      length: run.length,
      sectors: run.sectors,
      "bytes-different": run.bytes,
      signature: run.signature,
      ...(detailed.has(run.signature) && run.runs === 1 && { "signature-detail": run.detail }),
      ...(run.runs > 1 && { runs: run.runs }),
    });
  }
  for (const { offset, length, side, message } of unreadable) {
    yield line({ "unreadable-offset": offset, "unreadable-length": length, side, message });
  }
  yield line({
    identical: scope.identical,
    complete: scope.complete,
    cancelled: scope.cancelled,
    strict: scope.strict,
    "file-a": scope.nameA,
    "file-b": scope.nameB,
    ...(scope.shift !== 0 && { shift: scope.shift }),
    "size-a": scope.sizeA,
    "size-b": scope.sizeB,
    "scanned-to": scope.scannedTo,
    ...(scope.first !== undefined && { "first-mismatch": scope.first }),
    runs: scope.runs,
    rows,
    sectors: scope.sectors,
    "bytes-different": scope.bytes,
    signatures: bySignature,
    "unreadable-ranges": scope.unreadableRanges,
    "unreadable-bytes": scope.unreadableBytes,
    ...(scope.mergedAfter !== undefined && { "merged-after": scope.mergedAfter }),
    ...(scope.elapsedMs !== undefined && { "elapsed-ms": Math.round(scope.elapsedMs) }),
  });
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function* markdown(
  scope: ExportScope,
  runs: Iterable<Run>,
  unreadable: Iterable<Unreadable>,
): Generator<string> {
  yield `# Mismatches of ${cell(scope.nameA)} (A) and ${cell(scope.nameB)} (B)\n\n${cell(scopeText(scope))}\n\n`;
  yield "| # | Guest offset | Sectors | Length | Bytes differing | Likely cause |\n";
  yield "|--:|---|---|--:|--:|---|\n";
  for (const run of runs) {
    const fields = [
      decimal(run.row + 1),
      `${hex(run.offset)} (${decimal(run.offset)})`,
      sectorRange(run),
      bytes(run.length),
      decimal(run.bytes),
      signatureLabel(run),
    ];
    yield `| ${fields.join(" | ")} |\n`;
  }
  let any = false;
  for (const { offset, length, side, message } of unreadable) {
    if (!any)
      yield "\n## Unreadable, not compared\n\n| Guest offset | Length | Image | Reason |\n|---|--:|---|---|\n";
    any = true;
    const image = side === "both" ? "A and B" : side.toUpperCase();
    yield `| ${hex(offset)} (${decimal(offset)}) | ${bytes(length)} | ${image} | ${cell(message)} |\n`;
  }
}

/** What was compared and how far, in one line. */
export function scopeText(scope: ExportScope): string {
  const shift = scope.shift === 0 ? "" : `, B shifted by ${scope.shift} bytes`;
  const how = `A ${scope.nameA}, B ${scope.nameB}${shift}, ${scope.strict ? "strict allocation" : "guest content"}`;
  const all = scope.scannedTo >= scope.total;
  const far = all
    ? `all ${bytes(scope.total)} scanned`
    : `partial: ${percent(scope.scannedTo, scope.total)} % of ${bytes(scope.total)} scanned`;
  const unread = scope.unreadableBytes > 0 ? `, ${bytes(scope.unreadableBytes)} unreadable` : "";
  const found = `${decimal(scope.runs)} runs, ${decimal(scope.sectors)} sectors, ${decimal(scope.bytes)} bytes differ`;
  const merged =
    scope.mergedAfter === undefined ? "" : `; past row ${decimal(scope.mergedAfter)} runs are merged`;
  return oneLine(`${how}; ${far}${unread}; ${found}${merged}`);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ");
}
/** A CSV field; text that a spreadsheet would run as a formula is made plain. */
function quoted(text: string): string {
  const safe = /^[=+\-@]/.test(text) ? `'${text}` : text;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
function cell(text: string): string {
  return oneLine(text).replaceAll("|", "\\|");
}

/** The whole text, built in slices of time so that the window never stops; undefined when `signal` aborts. */
export async function exportText(pieces: Iterable<string>, signal: AbortSignal): Promise<string | undefined> {
  const chunks: string[] = [];
  let chunk: string[] = [];
  let since = performance.now();
  for (const piece of pieces) {
    chunk.push(piece);
    if (chunk.length < 256) continue;
    chunks.push(chunk.join(""));
    chunk = [];
    if (performance.now() - since < sliceMs) continue;
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (signal.aborted) return undefined;
    since = performance.now();
  }
  chunks.push(chunk.join(""));
  return chunks.join("");
}
const sliceMs = 12;
