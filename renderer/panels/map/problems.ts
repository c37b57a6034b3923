// The problems of an image as rows in the order of the file, however they arrive.
import type { Finding } from "../../../core/block/finding.ts";
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

/** The cells of a problem's row. */
export function problemCells(finding: Finding) {
  const { kind, offset, message, guest, repair } = finding;
  return {
    severity: severities[kind],
    offset: hex(offset),
    message,
    guest: guest === undefined ? "" : `${hex(guest.offset)} + ${bytes(guest.length)}`,
    repair: repairText(kind, repair),
  };
}

function repairText(kind: Finding["kind"], repair: Finding["repair"]): string {
  if (kind === "io-error") return "none: can't be read";
  if (repair === "clear-entry") return "clear the entry";
  return kind === "leak" ? "none needed" : "see Repair";
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
