// What an export says of the comparison it comes from: the images, how far the scan is, the totals.
import type { ExportScope } from "./exportRuns.ts";
import type { CompareSession, Pair } from "./session.ts";

export function scopeOf(session: CompareSession, { a, b }: Pair): ExportScope {
  const { scan } = session;
  const { strict, shift } = session.store.getState();
  const ended = scan.kind === "ended" ? scan : undefined;
  return {
    nameA: a.file.name,
    nameB: b.file.name,
    sizeA: a.size,
    sizeB: b.size,
    strict,
    shift,
    complete: ended?.complete ?? false,
    cancelled: ended?.cancelled ?? false,
    identical: ended?.identical ?? false,
    scannedTo: scan.scannedTo,
    total: scan.total,
    runs: scan.totals.runs,
    sectors: scan.totals.sectors,
    bytes: scan.totals.bytes,
    unreadableRanges: scan.totals.unreadableRanges,
    unreadableBytes: scan.totals.unreadableBytes,
    first: session.table.count > 0 ? session.table.offset(0) : undefined,
    mergedAfter: ended?.mergedAfter,
    elapsedMs: ended?.elapsedMs,
  };
}
