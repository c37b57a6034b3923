// The report of a salvage: one row or JSON line for each range in which the copies disagree, as they are found, and a
// summary. Copies are numbered from 1 here, as people count.
import * as fs from "node:fs";
import { formatSize } from "../base/units.ts";
import { majorityOf, type SalvagedRun, type SalvageSummary } from "../ops/salvage.ts";
import { CliError } from "./command.ts";
import type { OpenedImage } from "./openImage.ts";
import { jsonText, Output, printable, stdout } from "./output.ts";
import type { SalvageArguments } from "./salvageRun.ts";

export class SalvageReport {
  readonly #args: SalvageArguments;
  readonly #copies: readonly OpenedImage[];
  readonly #fd: number | undefined;
  /** Where ranges go; undefined: nowhere. */
  readonly #out: Output | undefined;
  #isEmpty = true;

  /** Throws CliError when the file can't be made. */
  constructor(args: SalvageArguments, copies: readonly OpenedImage[]) {
    this.#args = args;
    this.#copies = copies;
    this.#fd = args.report === undefined ? undefined : openedFor(args.report);
    this.#out = this.#fd === undefined ? (args.quiet ? undefined : stdout) : new Output(this.#fd);
  }

  run(run: SalvagedRun): void {
    if (this.#args.json) this.#out?.line(jsonText(runObject(run)));
    else {
      if (this.#isEmpty) this.#out?.line(tableLine(columns));
      this.#out?.line(rowOf(run));
    }
    this.#isEmpty = false;
  }

  /** Once the target is complete. People find it on stdout as well when the ranges went into a file. */
  summary(summary: SalvageSummary): void {
    const lines = this.#args.json ? [jsonText(this.#summaryObject(summary))] : this.#summaryLines(summary);
    for (const line of lines) this.#out?.line(line);
    if (this.#out !== stdout && !this.#args.quiet) for (const line of lines) stdout.line(line);
  }

  close(): void {
    if (this.#fd === undefined) return;
    this.#out?.flush();
    fs.closeSync(this.#fd);
  }

  #summaryObject(summary: SalvageSummary): object {
    const { target, targetFormat = "raw", fallback } = this.#args;
    return {
      target,
      format: targetFormat,
      size: summary.size,
      threshold: this.#threshold,
      undecided: fallback === undefined ? "zeroes" : fallback + 1,
      agreed: summary.runs === 0,
      runs: summary.runs,
      bytes: summary.bytes,
      "undecided-runs": summary.undecidedRuns,
      "undecided-bytes": summary.undecidedBytes,
      "tied-runs": summary.tiedRuns,
      "tied-bytes": summary.tiedBytes,
      copies: this.#copies.map(({ filename, graph }, child) => ({
        copy: child + 1,
        file: filename,
        size: graph.root.size,
        "outvoted-bytes": summary.outvoted[child] ?? 0,
        "unreadable-bytes": summary.unreadable[child] ?? 0,
      })),
    };
  }

  #summaryLines(summary: SalvageSummary): string[] {
    const { runs, bytes, undecidedRuns, undecidedBytes, tiedRuns, tiedBytes } = summary;
    const whole = `${formatSize(summary.size)} (${summary.size} bytes)`;
    if (runs === 0) return [`All ${this.#copies.length} copies say the same: ${whole} written.`];
    const lines = [
      `Written: ${whole}, by ${this.#threshold} of ${this.#copies.length} votes at least.`,
      `The copies disagree in ${ranges(runs)}, ${bytes} bytes.`,
    ];
    if (undecidedRuns > 0) {
      const { fallback } = this.#args;
      const filled = fallback === undefined ? "zeroes" : `what copy ${fallback + 1} says, else zeroes`;
      lines.push(`No majority in ${ranges(undecidedRuns)}, ${undecidedBytes} bytes: written are ${filled}.`);
    }
    if (tiedRuns > 0) lines.push(`Ties decided by rule in ${ranges(tiedRuns)}, ${tiedBytes} bytes.`);
    for (const [child, { filename }] of this.#copies.entries()) {
      const [lost, dead] = [summary.outvoted[child] ?? 0, summary.unreadable[child] ?? 0];
      lines.push(
        `Copy ${child + 1}, ${printable(filename)}: outvoted in ${lost} bytes, unreadable in ${dead}.`,
      );
    }
    return lines;
  }

  get #threshold(): number {
    return this.#args.threshold ?? majorityOf(this.#copies.length);
  }
}

function openedFor(report: string): number {
  try {
    return fs.openSync(report, "w");
  } catch (thrown) {
    throw new CliError(`Could not write the report '${report}': ${(thrown as Error).message}`, 1);
  }
}

function runObject(run: SalvagedRun): object {
  const { offset, length, winner, losers, unreadable, groups, tied, written } = run;
  const numbers = (children: readonly number[]) => children.map((child) => child + 1);
  return {
    offset,
    length,
    winner: numbers(winner),
    outvoted: winner.length > 0 ? numbers(losers) : [],
    unreadable: unreadable.map(({ child, message }) => ({ copy: child + 1, message })),
    groups: groups.map(numbers),
    tied,
    written: typeof written === "number" ? written + 1 : written,
  };
}

const columns = ["Offset", "Offset (hex)", "Length", "Winner", "Outvoted", "Unreadable", "Written"];

function rowOf({ offset, length, winner, losers, unreadable, groups, tied, written }: SalvagedRun): string {
  const isDecided = winner.length > 0;
  const vote = isDecided ? `${list(winner)}${tied ? " (tie)" : ""}` : "none";
  const split = groups.map(list).join(" / ");
  const source = written === "winner" ? `copy ${(winner[0] ?? 0) + 1}` : written;
  return tableLine([
    String(offset),
    `0x${offset.toString(16)}`,
    String(length),
    vote,
    isDecided ? list(losers) : `split ${split || "-"}`,
    list(unreadable.map(({ child }) => child)),
    typeof source === "number" ? `copy ${source + 1}` : source,
  ]);
}

function list(children: readonly number[]): string {
  return children.map((child) => child + 1).join(",") || "-";
}

function tableLine(cells: readonly string[]): string {
  const widths = [16, 16, 12, 12, 16, 12];
  return cells.map((cell, i) => (i < widths.length ? cell.padStart(widths[i] ?? 0) : `  ${cell}`)).join(" ");
}

function ranges(count: number): string {
  return `${count} ${count === 1 ? "range" : "ranges"}`;
}
