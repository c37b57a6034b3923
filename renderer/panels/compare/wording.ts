// Every phrase of the compare panel that is built from numbers: sizes, places, signatures in plain words,
// the header, the end of a scan. Follows the wording rules: units always, both bases, never "identical"
// for a partial scan.
import { type Signature, sectorSize } from "../../../core/ops/mismatch.ts";
import { bytes, count, decimal, hex, percent } from "../../widgets/format.ts";
import type { Run } from "./runTable.ts";

/** Both bases: "0x14010 (81,936)". */
export const place = (offset: number): string => `${hex(offset)} (${decimal(offset)})`;

/** A share of the whole in percent. What is not none never reads as 0 %, what is not all never as 100 %. */
export function share(part: number, whole: number): string {
  if (whole <= 0 || part <= 0) return "0 %";
  if (part >= whole) return "100 %";
  const value = (part / whole) * 100;
  if (value < 0.001) return "< 0.001 %";
  const digits = value < 0.01 ? 3 : value < 0.1 ? 2 : value < 10 ? 1 : 0;
  const text = trimZeros(value.toFixed(digits));
  return `${text === "100" ? "99.9" : text} %`;
}
/** "160" or "160–167": the sectors from the first to the last of a run. */
export function sectorRange(run: Pick<Run, "offset" | "length">): string {
  const first = Math.floor(run.offset / sectorSize);
  const last = Math.floor((run.offset + Math.max(1, run.length) - 1) / sectorSize);
  return first === last ? decimal(first) : `${decimal(first)}–${decimal(last)}`;
}

/** The likely cause of a run in plain words. */
export function signatureLabel(run: Pick<Run, "signature" | "detail">): string {
  const { signature, detail } = run;
  switch (signature) {
    case "plain":
      return "Different content";
    case "a-zero":
      return "A is zeros";
    case "b-zero":
      return "B is zeros";
    case "single-bit":
      return `Single bit (byte ${hex(Math.floor(detail / 8))}, bit ${detail % 8})`;
    case "byte-swapped":
      return `Bytes swapped in ${decimal(detail)}-byte words`;
    case "shifted":
      return `Shifted by ${detail > 0 ? "+" : "-"}${count(Math.abs(detail), "byte")}`;
    case "torn":
      return `Torn at ${hex(detail)}`;
    case "moved":
      return `Same as other's sector ${decimal(Math.floor(detail / sectorSize))}`;
    case "stored-differently":
      return "Same bytes, stored differently";
  }
}

/** What a signature is a guess from: its test, for the tooltip. */
export const signatureTests: Readonly<Record<Signature, string>> = {
  plain: "None of the known patterns fits these bytes.",
  "a-zero": "A guess. Test: every mismatched sector of A is zero. A may lack a write that B has.",
  "b-zero": "A guess. Test: every mismatched sector of B is zero. B may lack a write that A has.",
  "single-bit": "A guess. Test: one bit of the whole run differs, as after a fault in memory or on a bus.",
  "byte-swapped":
    "A guess. Test: every word of B is the word of A with its bytes reversed, as after a mix-up of byte order.",
  shifted: "A guess. Test: B holds the bytes of A moved by this distance, apart from one end of the run.",
  torn: "A guess. Test: the differing bytes begin or end exactly at a 4 KiB boundary, as after a write that was cut short.",
  moved:
    "A guess. Test: the run's first sector equals this sector of the other image, as after a misplaced write.",
  "stored-differently":
    "The bytes are equal; the images allocate them differently. Counted in strict mode only.",
};

/** What the list says after rows were merged. */
export function mergedNote(mergedAfter: number): string {
  return `Past row ${decimal(mergedAfter)} neighbouring runs are merged; totals stay exact.`;
}

export interface HeaderFacts {
  /** Row of the current run, from 0. */
  readonly current: number | undefined;
  readonly rows: number;
  readonly runs: number;
  readonly sectors: number;
  /** Bytes to compare. */
  readonly total: number;
  readonly scannedTo: number;
  readonly complete: boolean;
}

/** "12 of 3,408 runs, 41,772 sectors, 0.3 % of 64 GiB; 71 % scanned". */
export function headerText(facts: HeaderFacts): string {
  const { current, rows, runs, sectors, total, scannedTo, complete } = facts;
  const scanned = complete ? "" : `; ${percent(scannedTo, total)} % scanned`;
  if (runs === 0 && scannedTo === 0 && !complete) return "0 % scanned";
  if (runs === 0) return complete ? "0 runs" : `No mismatches so far in ${bytes(scannedTo)}${scanned}`;
  const which = current === undefined ? "" : `${decimal(current + 1)} of `;
  const merged = rows < runs ? ` in ${count(rows, "row")}` : "";
  const part = `${count(sectors, "sector")}, ${share(sectors * sectorSize, total)} of ${bytes(total)}`;
  return `${which}${count(runs, "run")}${merged}, ${part}${scanned}`;
}

/** "F8 12/3,408": the place of the current run among the rows, short enough for the toolbar. */
export function stepText(current: number | undefined, rows: number): string {
  return current === undefined ? decimal(rows) : `${decimal(current + 1)}/${decimal(rows)}`;
}

export interface Outcome {
  readonly complete: boolean;
  readonly cancelled: boolean;
  readonly runs: number;
  readonly sectors: number;
  readonly first: number | undefined;
  readonly scannedTo: number;
  /** Where the scan began: 0, unless B is shifted to the left. */
  readonly total: number;
  readonly unreadableRanges: number;
  readonly unreadableBytes: number;
}

/** How a scan ended, in one sentence, never claiming more than was compared. */
export function outcomeText(outcome: Outcome): string {
  const { complete, cancelled, runs, sectors, scannedTo, total, unreadableBytes } = outcome;
  if (cancelled) {
    const found = runs === 0 ? "no mismatches" : count(runs, "mismatched run");
    return `Scan cancelled at ${percent(scannedTo, total)} %: ${found} so far. The results are partial.`;
  }
  const unread =
    unreadableBytes > 0 ? ` ${bytes(unreadableBytes)} could not be read and was not compared.` : "";
  if (runs > 0) {
    const first =
      outcome.first === undefined ? "" : ` First at sector ${decimal(outcome.first / sectorSize)}.`;
    return `Images differ in ${count(sectors, "sector")} (${share(sectors * sectorSize, total)}).${first}${unread}`;
  }
  if (complete) return `No mismatches in ${bytes(total)} (all sectors compared)`;
  return `No mismatches in the sectors that could be read.${unread}`;
}

/** For the live region when a scan has ended. */
export function announcementText(outcome: Outcome): string {
  if (outcome.cancelled) {
    const far = percent(outcome.scannedTo, outcome.total);
    return `Comparison cancelled at ${far} percent, ${count(outcome.runs, "run")} found so far`;
  }
  if (outcome.runs === 0) return `Comparison finished: ${outcomeText(outcome)}`;
  return `Comparison finished: ${count(outcome.runs, "run")} ${outcome.runs === 1 ? "differs" : "differ"}`;
}

/** The banner for images of different size; undefined when they are equal. */
export function sizeText(sizeA: number, sizeB: number): string | undefined {
  if (sizeA === sizeB) return undefined;
  const longer = sizeA > sizeB ? "A" : "B";
  return `${longer} is ${bytes(Math.abs(sizeA - sizeB))} longer; its tail is compared with zeros.`;
}

/** The banner for an image whose need-check bit is set. Opening it changed nothing. */
export function dirtyText(name: string): string {
  return `${name} was not closed cleanly. It may have unused clusters; your data is probably intact. Nothing has been changed.`;
}

export function corruptText(name: string): string {
  return `${name} is marked as corrupt: a program that wrote to it met a fault in its tables. It can be looked at here; it is not written to until it was repaired. Nothing has been changed.`;
}

/** `usedEnd`: where the clusters in use end, past the end of the file. */
export function cutText(name: string, fileSize: number, usedEnd: number): string {
  return `${name} is cut short: its file ends at ${bytes(fileSize)}, the last of its used clusters at ${bytes(usedEnd)}. What lies past the end reads as zeros. If it is a copy that was not finished, copy it again rather than repair it. Nothing has been changed.`;
}

/** The chip of a shifted comparison: "B shifted by +512 bytes (1 sector)". */
export function shiftText(shift: number): string {
  const sign = shift > 0 ? "+" : "-";
  const distance = Math.abs(shift);
  const sectors = distance % sectorSize === 0 ? ` (${count(distance / sectorSize, "sector")})` : "";
  return `B shifted by ${sign}${count(distance, "byte")}${sectors}`;
}

function trimZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}
