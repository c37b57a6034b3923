// `blkscope log stats`: what the writes of a log amount to; with a second log of the same work below a format, what the
// format wrote for each byte of its guest.
import { hex } from "../base/bytes.ts";
import { formatSize } from "../base/units.ts";
import { type LogStats, type Spread, statsOf } from "../writelog/stats.ts";
import { exitOf, type LogReadRequest, warnOfEnd, withLog } from "./logFile.ts";
import { jsonText, printable, printWarning, stdout } from "./output.ts";

export interface StatsRequest extends LogReadRequest {
  /** The log below the format. */
  readonly below: string | undefined;
}

const mostHot = 20;
const mostHotShown = 10;

interface Counted {
  readonly filename: string;
  readonly stats: LogStats;
  readonly exit: number;
}

/** The exit code. Throws CliError. */
export async function printStats(request: StatsRequest): Promise<number> {
  const own = await count(request);
  const { below } = request;
  const other = below === undefined ? undefined : await count({ ...request, log: below, imageOpts: false });
  if (request.json) {
    stdout.line(
      jsonText(
        {
          ...jsonOf(own),
          ...(other !== undefined && {
            below: jsonOf(other),
            amplification: ratiosOf(own.stats, other.stats),
          }),
        },
        4,
      ),
    );
  } else {
    print(own);
    if (other !== undefined) printBoth(own, other);
  }
  return Math.max(own.exit, other?.exit ?? 0);
}

function count(request: LogReadRequest): Promise<Counted> {
  return withLog(request, async ({ index, filename, signal }) => {
    const exit = exitOf(index);
    if (exit !== 0) warnOfEnd(index, request);
    if (index.count > index.counted) {
      printWarning(`${index.count - index.counted} of the entries are not counted by the superblock`);
    }
    return { filename, stats: await statsOf(index, mostHot, { signal }), exit };
  });
}

function jsonOf({ filename, stats }: Counted): object {
  const { totals } = stats;
  return {
    filename,
    writes: { count: totals.writes, bytes: totals.writeBytes, lengths: stats.writeLengths },
    discards: { count: totals.discards, bytes: totals.discardBytes },
    flushes: {
      count: totals.flushes,
      "entries-between": stats.flushEntries,
      "bytes-between": stats.flushBytes,
      unflushed: stats.unflushed,
    },
    "fua-writes": totals.fua,
    metadata: totals.metadata,
    marks: totals.marks,
    empty: totals.empty,
    "covered-bytes": stats.coveredBytes,
    "rewritten-bytes": stats.rewrittenBytes,
    "overwrite-bytes": stats.overwriteBytes,
    hottest: stats.hottest,
  };
}

/** Below by above; undefined where nothing was written above. */
function ratiosOf(above: LogStats, below: LogStats) {
  const part = (a: number, b: number) => (a === 0 ? undefined : b / a);
  return {
    bytes: part(above.totals.writeBytes, below.totals.writeBytes),
    writes: part(above.totals.writes, below.totals.writes),
    flushes: part(above.totals.flushes, below.totals.flushes),
  };
}

function print({ filename, stats }: Counted): void {
  const { totals, unflushed } = stats;
  stdout.line(`log: ${printable(filename)}`);
  stdout.line(`writes: ${totals.writes}, ${sizeText(totals.writeBytes)}`);
  if (totals.writes > 0) stdout.line(`    bytes of a write     ${spreadText(stats.writeLengths)}`);
  stdout.line(`discards: ${totals.discards}, ${sizeText(totals.discardBytes)}`);
  stdout.line(
    `flushes: ${totals.flushes}, FUA writes: ${totals.fua}, METADATA: ${totals.metadata}, marks: ${totals.marks}`,
  );
  if (totals.flushes > 0) {
    stdout.line(`    entries before each  ${spreadText(stats.flushEntries)}`);
    stdout.line(`    bytes before each    ${spreadText(stats.flushBytes)}`);
  }
  stdout.line(`    behind the last      ${unflushed.entries} entries, ${sizeText(unflushed.bytes)}`);
  stdout.line(`written places: ${sizeText(stats.coveredBytes)}`);
  stdout.line(`    more than once       ${sizeText(stats.rewrittenBytes)}`);
  stdout.line(`    bytes written over   ${sizeText(stats.overwriteBytes)}${share(stats)}`);
  if (stats.hottest.length === 0) return;
  stdout.line("written most often:");
  for (const { offset, length, writes } of stats.hottest.slice(0, mostHotShown)) {
    stdout.line(`    ${String(writes).padStart(8)} times  ${hex(offset)}, ${sizeText(length)}`);
  }
}

function share({ overwriteBytes, totals }: LogStats): string {
  if (totals.writeBytes === 0) return "";
  return `, ${((100 * overwriteBytes) / totals.writeBytes).toFixed(1)} % of all`;
}

function printBoth(above: Counted, below: Counted): void {
  stdout.line("");
  print(below);
  stdout.line("");
  const { bytes, writes, flushes } = ratiosOf(above.stats, below.stats);
  const text = (ratio: number | undefined) => (ratio === undefined ? "nothing above" : ratio.toFixed(2));
  stdout.line("below the format, for each above it:");
  stdout.line(`    bytes    ${text(bytes)}`);
  stdout.line(`    writes   ${text(writes)}`);
  stdout.line(`    flushes  ${text(flushes)}`);
}

function spreadText({ min, median, p95, max }: Spread): string {
  return `min ${min}, median ${median}, 95 % ${p95}, max ${max}`;
}

function sizeText(bytes: number): string {
  return `${formatSize(bytes)} (${bytes} bytes)`;
}
