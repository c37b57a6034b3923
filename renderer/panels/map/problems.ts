// The problems of an image as rows in the order of the file, however they arrive.
import type { Finding, RepairKind } from "../../../core/block/finding.ts";
import { bytes, count, hex } from "../../widgets/format.ts";

export class ProblemList {
  #findings: Finding[] = [];
  #sorted = true;
  /** Of whole clusters, leaked ones and those with a wrong refcount, in the same order; made when asked for. */
  #ranges: readonly Finding[] | undefined;

  get count(): number {
    return this.#findings.length;
  }

  append(findings: readonly Finding[]): void {
    this.#ranges = undefined;
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

  /** Those of a cluster: what begins in it, and the range of clusters that it is in. Bytes of the file. */
  ofCluster(offset: number, length: number): readonly Finding[] {
    const range = this.#rangeAt(offset);
    const within = this.#within(offset, length);
    return range === undefined || range.offset >= offset ? within : [range, ...within];
  }

  /** What mends a flag as well, because it is wrong only by what that mends; undefined where the flag itself is. */
  settledBy({ id, offset, flagged }: Finding): "entry" | "refcount" | undefined {
    if (flagged === undefined) return undefined;
    const others = this.#within(offset, 1).filter((other) => other.id !== id);
    if (others.some((other) => other.flagged === undefined)) return "entry";
    const counted = this.#rangeAt(flagged.offset)?.references?.total;
    return counted !== undefined && (counted === 1) === flagged.isSet ? "refcount" : undefined;
  }

  /** The range of clusters that a byte of the file is in; they never overlap. */
  #rangeAt(offset: number): Finding | undefined {
    this.#ranges ??= this.all.filter(isRange);
    const found = this.#ranges[firstFrom(this.#ranges, offset + 1) - 1];
    return found !== undefined && offset < found.offset + found.length ? found : undefined;
  }

  #within(offset: number, length: number): readonly Finding[] {
    return this.all.slice(firstFrom(this.all, offset), firstFrom(this.all, offset + length));
  }

  clear(): void {
    this.#findings = [];
    this.#sorted = true;
    this.#ranges = undefined;
  }
}

const isRange = ({ kind, repair }: Finding) =>
  kind === "leak" || repair === "set-refcount" || repair === "rebuild-refcounts";

/** Index of the first finding at or behind an offset. */
function firstFrom(sorted: readonly Finding[], offset: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((sorted[middle]?.offset ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

const severities = { corruption: "Corrupt", leak: "Leaked", "io-error": "Unreadable" } as const;

/** Of the file that was checked; bytes. */
export interface CheckedFile {
  readonly fileSize: number;
  readonly clusterSize: number;
}

/** The cells of a problem's row; `file` undefined: not known yet. */
export function problemCells(
  finding: Finding,
  file: CheckedFile | undefined,
  settledBy?: ReturnType<ProblemList["settledBy"]>,
) {
  const { kind, offset, guest } = finding;
  return {
    severity: severities[kind],
    offset: hex(offset),
    message: problemText(finding),
    guest: guest === undefined ? "" : `${hex(guest.offset)} + ${bytes(guest.length)}`,
    repair: settledBy === undefined ? repairText(finding, file) : `follows the ${settledBy}`,
  };
}

/** What is wrong, in one sentence. */
export const problemText = ({ message }: Finding): string => message.replaceAll("->", "→");

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

/** "2 corruptions, 5 leaked clusters". */
export function problemsText(corruptions: number, leaks: number, unreadable: number): string {
  const parts = [
    ...(corruptions > 0 ? [count(corruptions, "corruption")] : []),
    ...(leaks > 0 ? [count(leaks, "leaked cluster")] : []),
    ...(unreadable > 0 ? [count(unreadable, "unreadable table")] : []),
  ];
  return parts.length === 0 ? "No problems" : parts.join(", ");
}
