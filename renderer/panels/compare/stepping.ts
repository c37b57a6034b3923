// "Next difference" as a decision: from the caret, what is known and how far the scan has come, to where to go
// or what to say. Going past the last difference takes a second press; waiting for the scan can be stopped.
import { percent, bytesPerSecond as rateText } from "../../widgets/format.ts";
import type { RunTable } from "./runTable.ts";

export type Direction = "next" | "previous";

export interface StepFacts {
  readonly table: Pick<RunTable, "count" | "offset" | "next" | "previous">;
  readonly caret: number;
  /** The scan is still finding more. */
  readonly scanning: boolean;
  /** Everything was scanned: the last difference known is the last there is. */
  readonly complete: boolean;
  readonly scannedTo: number;
  readonly total: number;
  /** The direction in which the end was announced by the press before, if it was. */
  readonly armed: Direction | undefined;
}

export type Step =
  | { readonly kind: "go"; readonly offset: number }
  /** Nothing further: say so, and wrap at the next press. */
  | { readonly kind: "end"; readonly note: string }
  /** The scan has not come that far: go when it finds one. */
  | { readonly kind: "wait" }
  | { readonly kind: "none"; readonly note: string };

export function step(direction: Direction, facts: StepFacts): Step {
  const { table, caret, scanning, armed } = facts;
  const row = direction === "next" ? table.next(caret) : table.previous(caret);
  if (row !== undefined) return { kind: "go", offset: table.offset(row) };
  if (direction === "next" && scanning) return { kind: "wait" };
  if (table.count === 0) return { kind: "none", note: noneText(facts) };
  if (armed === direction) {
    return { kind: "go", offset: table.offset(direction === "next" ? 0 : table.count - 1) };
  }
  return { kind: "end", note: endText(direction, facts) };
}

function noneText({ scanning, complete, scannedTo, total }: StepFacts): string {
  if (complete) return "No differences";
  return scanning
    ? "No differences found yet"
    : `No differences so far; ${percent(scannedTo, total)} % scanned`;
}

function endText(direction: Direction, { complete, scanning, scannedTo, total }: StepFacts): string {
  if (direction === "previous") return "First difference";
  if (complete || scanning) return "Last difference";
  return `Last difference so far; ${percent(scannedTo, total)} % scanned`;
}

/** While waiting: "Searching… 2.1 GiB/s"; without the speed until one is known. */
export function waitingText(bytesPerSecond: number | undefined): string {
  return bytesPerSecond === undefined ? "Searching…" : `Searching… ${rateText(bytesPerSecond)}`;
}
