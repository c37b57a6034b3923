// Every mismatch: scans to the end past unreadable ranges, then prints the rows as a table or as JSON lines,
// and a summary. Interrupted, it prints what it has and says that this is not all.
import { formatSize } from "../base/units.ts";
import type { CompareSummary, MismatchRow } from "../ops/mismatch.ts";
import { interruptedExit } from "./command.ts";
import { type CompareRequest, exits, runCompare } from "./comparedImage.ts";
import { jsonText, printable, printError, stderr, stdout } from "./output.ts";
import { Progress } from "./progress.ts";
import { RowList } from "./rowList.ts";

export async function compareAll(request: CompareRequest): Promise<number> {
  const list = new RowList();
  const progress = new Progress(request.progress ? stderr : undefined);
  const summary = await runCompare(
    request,
    {},
    {
      items: (items) => {
        for (const item of items) list.take(item);
      },
      progress: ({ done, total, phase }) => {
        // The second pass starts anew at 0; the scan is what the percentage is of.
        if (phase === undefined) progress.show(total === 0 ? 1 : done / total);
      },
    },
    new AbortController(),
  );
  progress.end();
  if (!request.quiet) {
    if (request.json) printJson(request, list, summary);
    else printHuman(request, list, summary);
  }
  if (summary.cancelled) {
    printError(`Interrupted at offset ${summary.scannedTo}: what was found is partial`);
    return interruptedExit;
  }
  if (summary.unreadableRanges > 0) {
    printUnreadable(request, list, summary);
    return exits.unreadable;
  }
  return summary.identical ? exits.identical : exits.different;
}

function printJson(request: CompareRequest, list: RowList, summary: CompareSummary): void {
  const bySignature: Record<string, number> = {};
  for (const row of list.rows()) {
    bySignature[row.signature] = (bySignature[row.signature] ?? 0) + 1;
    stdout.line(JSON.stringify(runObject(row)));
  }
  for (const { offset, length, side, message } of list.unreadable) {
    stdout.line(jsonText({ "unreadable-offset": offset, "unreadable-length": length, side, message }));
  }
  stdout.line(
    jsonText({
      identical: summary.identical,
      complete: summary.complete,
      cancelled: summary.cancelled,
      strict: request.strict,
      "file-a": request.a.filename,
      "file-b": request.b.filename,
      "size-a": summary.sizeA,
      "size-b": summary.sizeB,
      "scanned-to": summary.scannedTo,
      ...(summary.first !== undefined && { "first-mismatch": summary.first }),
      runs: summary.runs,
      rows: summary.rows,
      sectors: summary.sectors,
      "bytes-different": summary.bytes,
      signatures: bySignature,
      "unreadable-ranges": summary.unreadableRanges,
      "unreadable-bytes": summary.unreadableBytes,
      ...(summary.mergedAfter !== undefined && { "merged-after": summary.mergedAfter }),
      "elapsed-ms": Math.round(summary.elapsedMs),
    }),
  );
}

/** Signatures whose detail says something. */
const detailed: ReadonlySet<string> = new Set(["single-bit", "byte-swapped", "shifted", "torn", "moved"]);

function runObject({ offset, length, sectors, bytes, signature, detail, runs }: MismatchRow): object {
  return {
    offset,
    length,
    sectors,
    "bytes-different": bytes,
    signature,
    ...(detailed.has(signature) && runs === 1 && { "signature-detail": detail }),
    ...(runs > 1 && { runs }),
  };
}

const columns = ["Offset", "Offset (hex)", "Length", "Sectors", "Bytes", "Signature"] as const;

function printHuman(request: CompareRequest, list: RowList, summary: CompareSummary): void {
  if (list.count > 0) stdout.line(tableLine(columns));
  for (const row of list.rows()) {
    stdout.line(
      tableLine([
        String(row.offset),
        `0x${row.offset.toString(16)}`,
        String(row.length),
        String(row.sectors),
        String(row.bytes),
        signatureText(row),
      ]),
    );
  }
  if (list.unreadable.length > 0) stdout.line("Could not be read:");
  for (const { offset, length, side, message } of list.unreadable) {
    const where = side === "both" ? "A and B" : side.toUpperCase();
    stdout.line(
      tableLine([String(offset), `0x${offset.toString(16)}`, String(length), where, "", printable(message)]),
    );
  }
  for (const text of summaryLines(request, summary)) stdout.line(text);
}

function tableLine(cells: readonly string[]): string {
  const widths = [16, 16, 12, 10, 12];
  return cells.map((cell, i) => (i < widths.length ? cell.padStart(widths[i] ?? 0) : `  ${cell}`)).join(" ");
}

function signatureText({ offset, signature, detail, runs }: MismatchRow): string {
  if (runs > 1) return `${signature} (${count(runs, "run")} merged)`;
  switch (signature) {
    case "single-bit":
      return `single-bit (bit ${detail % 8} of byte ${offset + Math.floor(detail / 8)})`;
    case "byte-swapped":
      return `byte-swapped (${detail}-byte words)`;
    case "shifted":
      return `shifted (by ${detail > 0 ? "+" : ""}${detail} ${Math.abs(detail) === 1 ? "byte" : "bytes"})`;
    case "torn":
      return `torn (at ${detail})`;
    case "moved":
      return `moved (as at ${detail})`;
    default:
      return signature;
  }
}

function summaryLines({ strict, a, b }: CompareRequest, summary: CompareSummary): string[] {
  const { sizeA, sizeB, scannedTo, first } = summary;
  const lines: string[] = [];
  if (sizeA !== sizeB) {
    const label = strict ? "Strict mode" : "Warning";
    lines.push(
      `${label}: Image size mismatch! ${sizeText(a.filename, sizeA)}, ${sizeText(b.filename, sizeB)}`,
    );
  }
  if (first !== undefined) {
    lines.push(
      `Images differ: ${count(summary.runs, "run")}, ${count(summary.sectors, "sector")}, ` +
        `${count(summary.bytes, "byte")} different, first at offset ${first} (0x${first.toString(16)}).`,
    );
  } else if (summary.identical) lines.push("Images are identical.");
  else if (!summary.complete) lines.push("No mismatch in what was compared.");
  if (summary.mergedAfter !== undefined) {
    lines.push(`Neighbouring runs were merged after ${summary.mergedAfter} rows; the totals are exact.`);
  }
  if (summary.unreadableRanges > 0) {
    lines.push(
      `Not compared: ${count(summary.unreadableRanges, "range")} that could not be read, ` +
        `${count(summary.unreadableBytes, "byte")}.`,
    );
  }
  if (summary.cancelled) {
    lines.push(`Partial: interrupted after ${scannedTo} of ${Math.max(sizeA, sizeB)} bytes.`);
  }
  return lines;
}

function sizeText(filename: string, size: number): string {
  return `${printable(filename)}: ${formatSize(size)} (${size} bytes)`;
}

function count(value: number, noun: string): string {
  return `${value} ${noun}${value === 1 ? "" : "s"}`;
}

function printUnreadable(request: CompareRequest, list: RowList, summary: CompareSummary): void {
  const first = list.unreadable[0];
  const what = `${count(summary.unreadableRanges, "range")} could not be read`;
  if (first === undefined) {
    printError(what);
    return;
  }
  const { given } = first.side === "b" ? request.b : request.a;
  printError(`Error while reading offset ${first.offset} of ${given}: ${first.message}`);
  if (summary.unreadableRanges > 1) printError(`${what} in all`);
}
