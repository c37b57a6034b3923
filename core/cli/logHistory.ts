// `blkscope log history`: the entries that wrote a range of the disk, newest first, with what each of them changed. For a
// log that was kept below a format, the range can be one of the guest's disk.
import { hex } from "../base/bytes.ts";
import { chainExtentAt } from "../block/extents.ts";
import type { ByteRange } from "../block/finding.ts";
import type { BlockNode } from "../block/node.ts";
import { openGraph } from "../graph.ts";
import { changeBy, type HistoryEntry, historyOf } from "../writelog/history.ts";
import { gapTexts } from "../writelog/recover.ts";
import { lacksEntries } from "../writelog/replaySelect.ts";
import type { LogStates } from "../writelog/state.ts";
import { CliError } from "./command.ts";
import { type LogReadRequest, notWholeExit, type ReadLog, warnOfEnd, withLog } from "./logFile.ts";
import { flagsOf } from "./logList.ts";
import { negativeExit } from "./logOptions.ts";
import { diskSize, entriesOr, stateSpec, statesOf, withBase } from "./logStateOf.ts";
import { openError } from "./openError.ts";
import { jsonText, printWarning, stdout } from "./output.ts";

export interface HistoryRequest extends LogReadRequest {
  readonly place: ByteRange;
  /** Only entries among the first so many. */
  readonly entry: number | undefined;
  /** May be infinite. */
  readonly count: number;
  readonly bytes: boolean;
  /** The format whose file was logged. */
  readonly through: string | undefined;
  readonly base: string | undefined;
  /** Bytes of the disk. */
  readonly size: number | undefined;
}

/** Bytes of an entry that are shown, before and after. */
const mostShown = 4096;
const bytesInLine = 16;
const pageLength = 1000;
/** Parts of a guest's range that lie apart from each other in its image's file. */
const mostParts = 4096;

/** A part of the range that was asked for, and where it lies on the logged disk. */
interface Part extends ByteRange {
  readonly guest: ByteRange | undefined;
  /** Its data are among these bytes: which of them is which of the guest's can't be said. */
  readonly isCompressed: boolean;
}

/** The exit code. Throws CliError. */
export function printHistory(request: HistoryRequest): Promise<number> {
  return withLog(request, async (log) => {
    const before = entriesOr(log, request.entry);
    for (const text of gapTexts(log.index, 0, before)) printWarning(text);
    return withBase(request.base, async (base) => {
      const size = diskSize(request.size, log.index.diskEnd, base);
      const parts = await partsOf(request, before, size);
      const states = request.bytes ? await statesOf(log, base) : undefined;
      let found = 0;
      for (const part of parts) found += await printPart(request, log, part, before, states);
      const isWhole = request.entry !== undefined || !lacksEntries(log.index);
      if (!isWhole) warnOfEnd(log.index, request);
      if (found > 0) return isWhole ? 0 : notWholeExit;
      printWarning(`None of the first ${before} entries wrote there`);
      return negativeExit;
    });
  });
}

async function partsOf(request: HistoryRequest, entry: number, size: number): Promise<Part[]> {
  const { place, through, base, log } = request;
  if (through === undefined) return [{ ...place, guest: undefined, isCompressed: false }];
  const spec = { driver: through, file: stateSpec(request, { entry, base, size }) };
  const graph = await openGraph(spec, { backing: "none", forceShare: request.forceShare }).catch((error) => {
    throw openError(`${log} as a ${through} image after ${entry} entries`, error, 1);
  });
  const parts: Part[] = [];
  try {
    const { root } = graph;
    const end = place.offset + place.length;
    if (end > root.size)
      throw new CliError(`The guest's disk of ${root.size} bytes ends before byte ${end}`, 1);
    let at = place.offset;
    while (at < end && parts.length < mostParts) {
      const { length, hostOffset, compressed } = await chainExtentAt(root, at, end - at, 1);
      if (compressed) {
        const part = await compressedPart(root, at, length);
        parts.push(part);
        at += part.guest.length;
        continue;
      }
      if (hostOffset !== undefined) {
        await expectInFile(root, at);
        parts.push({ offset: hostOffset, length, guest: { offset: at, length }, isCompressed: false });
      }
      at += length;
    }
    if (at < end) printWarning(`Only what lies before guest offset ${hex(at)} is looked at: it is in pieces`);
  } finally {
    await graph.close();
  }
  if (parts.length > 0) return parts;
  throw new CliError(
    `The image has nothing stored for guest offset ${hex(place.offset)} after ${entry} entries`,
    negativeExit,
    "An earlier moment (--entry) may have had it elsewhere.",
  );
}

/** The compressed cluster at `at`, or the part of it that `length` bytes from there reach. Throws CliError. */
async function compressedPart(
  { structure }: BlockNode,
  at: number,
  length: number,
): Promise<Part & { readonly guest: ByteRange }> {
  const stream = (await structure?.guestEntry(at))?.stream;
  if (structure === undefined || stream === undefined) {
    throw new CliError(`Guest offset ${hex(at)} is compressed, and where its data lie can't be told`, 1);
  }
  const { clusterSize } = structure;
  const guest = { offset: at, length: Math.min(length, clusterSize - (at % clusterSize)) };
  return { ...stream, guest, isCompressed: true };
}

/** Data may lie in another file, which has a log of its own, or be encrypted. Throws CliError. */
async function expectInFile({ structure }: BlockNode, guest: number): Promise<void> {
  const entry = await structure?.guestEntry(guest);
  if (entry?.kind !== "data" || entry.fileOffset !== undefined) return;
  const why = "They are encrypted, or in an external data file: history without --through reads its log.";
  throw new CliError(`The bytes of guest offset ${hex(guest)} are not in the image's file as such`, 1, why);
}

/** Returns how many entries it printed. */
async function printPart(
  request: HistoryRequest,
  log: ReadLog,
  part: Part,
  before: number,
  states: LogStates | undefined,
): Promise<number> {
  if (part.guest !== undefined && !request.json) {
    const place = part.isCompressed
      ? `is compressed, its data are among the ${rangeText(part)}`
      : `lies at ${hex(part.offset)}`;
    stdout.line(`Guest ${rangeText(part.guest)} ${place}:`);
  }
  let printed = 0;
  let next: number | undefined = before;
  while (next !== undefined && printed < request.count) {
    const limit = Math.min(pageLength, request.count - printed);
    const page = await historyOf(log.index, part.offset, part.length, {
      before: next,
      limit,
      signal: log.signal,
    });
    for (const entry of page.entries) await printOne(request, log, part, entry, states);
    printed += page.entries.length;
    next = page.next;
  }
  return printed;
}

async function printOne(
  { json }: HistoryRequest,
  log: ReadLog,
  part: Part,
  entry: HistoryEntry,
  states: LogStates | undefined,
): Promise<void> {
  const { touched } = entry;
  const shown = Math.min(touched.length, mostShown);
  const change = states && (await changeBy(states, entry.entry, touched.offset, shown));
  if (json) {
    stdout.line(jsonText(jsonOf(log, part, entry, change, shown)));
    return;
  }
  const { kind, range, durableWith } = entry;
  const flags = flagsOf(log.index, entry.entry).join(" ");
  const durable = durableWith === undefined ? "never flushed" : `durable with entry ${durableWith}`;
  const words = [`entry ${entry.entry}: ${kind} of ${rangeText(range)}`, ...(flags === "" ? [] : [flags])];
  stdout.line([...words, durable].join(", "));
  if (change === undefined) return;
  if (!change.changed) stdout.line("    the same bytes as before");
  printDump(touched.offset, change.before, change.after);
  if (shown < touched.length) stdout.line(`    and ${touched.length - shown} bytes more`);
}

/** Lines that the entry left as they were are shown once. */
function printDump(offset: number, before: Uint8Array, after: Uint8Array): void {
  for (let at = 0; at < before.length; at += bytesInLine) {
    const [old, now] = [before, after].map((bytes) => hexText(bytes.subarray(at, at + bytesInLine)));
    const where = hex(offset + at);
    if (old === now) stdout.line(`      ${where}  ${now}`);
    else {
      stdout.line(`    - ${where}  ${old}`);
      stdout.line(`    + ${where}  ${now}`);
    }
  }
}

function hexText(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

function jsonOf(
  { index }: ReadLog,
  part: Part,
  { entry, kind, range, touched, durableWith }: HistoryEntry,
  change: Awaited<ReturnType<typeof changeBy>> | undefined,
  shown: number,
): object {
  const { guest, isCompressed } = part;
  const inPart = isCompressed ? 0 : touched.offset - part.offset;
  return {
    entry,
    kind,
    flags: flagsOf(index, entry),
    ...range,
    touched,
    ...(guest !== undefined && { "guest-offset": guest.offset + inPart, compressed: isCompressed }),
    "durable-with": durableWith,
    counted: entry < index.counted,
    recovered: index.isRecovered(entry),
    ...(change !== undefined && {
      before: Buffer.from(change.before).toString("hex"),
      after: Buffer.from(change.after).toString("hex"),
      changed: change.changed,
      shown,
    }),
  };
}

function rangeText({ offset, length }: ByteRange): string {
  return `${length} ${length === 1 ? "byte" : "bytes"} at ${hex(offset)}`;
}
