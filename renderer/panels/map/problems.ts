// The problems of an image as rows in the order of the file, however they arrive.
import type { Finding, RepairKind } from "../../../core/block/finding.ts";
import { bytes, count, hex } from "../../widgets/format.ts";

export class ProblemList {
  #findings: Finding[] = [];
  #sorted = true;

  get count(): number {
    return this.#findings.length;
  }

  append(findings: readonly Finding[]): void {
    for (const finding of findings) {
      const last = this.#findings.at(-1);
      if (last !== undefined && last.offset > finding.offset) this.#sorted = false;
      this.#findings.push(finding);
    }
  }

  at(row: number): Finding | undefined {
    return this.all[row];
  }

  get all(): readonly Finding[] {
    if (!this.#sorted) this.#findings.sort((a, b) => a.offset - b.offset || a.id - b.id);
    this.#sorted = true;
    return this.#findings;
  }

  clear(): void {
    this.#findings = [];
    this.#sorted = true;
  }
}

const severities = { corruption: "Corrupt", leak: "Leaked", "io-error": "Unreadable" } as const;

/** Of the file that was checked; bytes. */
export interface CheckedFile {
  readonly fileSize: number;
  readonly clusterSize: number;
}

/** The cells of a problem's row; `file` undefined: not known yet. */
export function problemCells(finding: Finding, file: CheckedFile | undefined) {
  const { kind, offset, message, guest } = finding;
  return {
    severity: severities[kind],
    offset: hex(offset),
    message,
    guest: guest === undefined ? "" : `${hex(guest.offset)} + ${bytes(guest.length)}`,
    repair: repairText(finding, file),
  };
}

const repairWords: Readonly<Record<Exclude<RepairKind, "set-refcount" | "none">, string>> = {
  "clear-entry": "clear the entry",
  "zero-entry": "make it a zero entry",
  "rebuild-refcounts": "rebuild the refcounts",
  "set-copied-flag": "correct the flag",
  "rewrite-snapshots": "rewrite the table",
};

/** What a repair would do, in the fewest words. */
function repairText(finding: Finding, file: CheckedFile | undefined): string {
  const { kind, repair, references } = finding;
  if (kind === "io-error") return "none: can't be read";
  if (repair === "set-refcount") {
    if (kind === "corruption") return "raise the refcount";
    return references !== undefined && references.total > 0 ? "lower the refcount" : "free the space";
  }
  if (repair !== "none") return repairWords[repair];
  if (kind === "corruption" || file === undefined) return "see Repair";
  return isAtEnd(finding, file) ? "cut off the end" : "none: only takes space";
}

/** Whether no whole cluster follows, so that the file can become shorter. */
function isAtEnd({ offset, length }: Finding, { fileSize, clusterSize }: CheckedFile): boolean {
  return offset + length > fileSize - clusterSize;
}

/** "2 problems, 5 leaks". */
export function problemsText(corruptions: number, leaks: number, unreadable: number): string {
  const parts = [
    ...(corruptions > 0 ? [count(corruptions, "problem")] : []),
    ...(leaks > 0 ? [count(leaks, "leaked cluster")] : []),
    ...(unreadable > 0 ? [count(unreadable, "unreadable table")] : []),
  ];
  return parts.length === 0 ? "No problems" : parts.join(", ");
}
