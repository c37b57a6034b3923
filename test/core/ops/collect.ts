// Runs a comparison in the test's own thread and gathers what it reports.
import type { BlockNode } from "../../../core/block/node.ts";
import type { CompareParams, JobContext, JobProgress, Port } from "../../../core/jobs/contract.ts";
import { type CompareTuning, compareNodes } from "../../../core/ops/compare.ts";
import {
  type CompareItem,
  type CompareSummary,
  type CompareTotals,
  type Signature,
  signatures,
  type Unreadable,
} from "../../../core/ops/mismatch.ts";

export interface Row {
  readonly offset: number;
  readonly length: number;
  readonly sectors: number;
  readonly bytes: number;
  signature: Signature;
  detail: number;
  readonly runs: number;
}

export interface Collected {
  readonly rows: Row[];
  readonly unreadable: Unreadable[];
  readonly progress: JobProgress<CompareTotals>[];
  readonly batches: number;
  readonly summary: CompareSummary;
}

/** A place for items and progress; `context` goes to a job, `result` makes the whole of it. */
export function collector(signal: AbortSignal = new AbortController().signal) {
  const rows: Row[] = [];
  const unreadable: Unreadable[] = [];
  const progress: JobProgress<CompareTotals>[] = [];
  let batches = 0;
  const item = (found: CompareItem) => {
    if (found.kind === "unreadable") unreadable.push(found.range);
    if (found.kind === "runs") {
      batches++;
      rows.push(...rowsOf(found.batch));
    }
    if (found.kind === "signatures") {
      found.row.forEach((row, i) => {
        const target = rows[row];
        if (target === undefined) throw new Error(`a signature for row ${row}, which was not sent`);
        target.signature = signatures[found.signature[i] ?? 0] ?? "plain";
        target.detail = found.detail[i] ?? 0;
      });
    }
  };
  const context: JobContext<"compare"> = { signal, item, progress: (p) => void progress.push(p) };
  return {
    context,
    item,
    result: (summary: CompareSummary): Collected => ({ rows, unreadable, progress, batches, summary }),
  };
}

export function rowsOf(batch: Extract<CompareItem, { kind: "runs" }>["batch"]): Row[] {
  return Array.from({ length: batch.count }, (_, i) => ({
    offset: batch.offset[i] ?? -1,
    length: batch.length[i] ?? -1,
    sectors: batch.sectors[i] ?? -1,
    bytes: batch.bytes[i] ?? -1,
    signature: signatures[batch.signature[i] ?? -1] ?? "plain",
    detail: batch.detail[i] ?? -1,
    runs: batch.runs[i] ?? -1,
  }));
}

export async function compare(
  a: BlockNode,
  b: BlockNode,
  options: Omit<CompareParams, "a" | "b"> = {},
  tuning: CompareTuning = {},
  signal?: AbortSignal,
): Promise<Collected> {
  const { context, result } = collector(signal);
  return result(await compareNodes(a, b, options, context, tuning));
}

/** Offset, sectors and bytes of each row: what a naive comparison can tell. */
export function places(rows: readonly Row[]) {
  return rows.map(({ offset, length, sectors, bytes }) => ({ offset, length, sectors, bytes }));
}

/** A comparison byte by byte, without any cleverness; both images as they are in memory. */
export function naive(a: Uint8Array, b: Uint8Array) {
  const size = Math.max(a.length, b.length);
  const runs: { offset: number; length: number; sectors: number; bytes: number }[] = [];
  for (let sector = 0; sector < size; sector += 512) {
    let bytes = 0;
    for (let i = sector; i < Math.min(size, sector + 512); i++) if ((a[i] ?? 0) !== (b[i] ?? 0)) bytes++;
    if (bytes === 0) continue;
    const length = Math.min(512, size - sector);
    const last = runs.at(-1);
    if (last !== undefined && last.offset + last.length === sector) {
      last.length += length;
      last.sectors++;
      last.bytes += bytes;
    } else {
      runs.push({ offset: sector, length, sectors: 1, bytes });
    }
  }
  return runs;
}

/** The line to a thread that helps, whose answers come late: the one that compares is far ahead by then. */
export function answersLate(port: Port): Port {
  return {
    ...port,
    listen: (onMessage, onClosed) => port.listen((message) => setTimeout(onMessage, 100, message), onClosed),
  };
}
