// What a long log holds ready so that any part of it can be drawn at once: for groups of 1024, 2048, ... 65,536 entries
// (levels) and bands of the disk, which operations lie there. Bands are as narrow as they are busy: hardly more than
// 1/1024 of all entries begin or end within one, however the log is spread. So a band that a row of the picture divides has few
// entries to be looked at one by one, and all others are taken whole. Memory: at most 12.2 bytes an entry, in blocks of
// 65,536 entries that are made once; only the last one is made again when a log grows.
import { binOps, densityCode, densityCount, maskOf } from "./bins.ts";
import type { BinGrid } from "./binsGrid.ts";
import { Steps } from "./binsSteps.ts";
import type { LogIndex } from "./logIndex.ts";

export const blockLength = 65536;
/** Entries of a group of level 0, and levels. */
export const groupLength = 1024;
const levels = 7;
export const bandCount = 2048;
/** Entries that the bands are chosen by. */
const sampleLength = 65536;
/** Entries of divided bands that are looked at one by one for an answer. */
const mostDivided = 120_000;
/** Rows of a band that are gone through one by one. */
const fewParts = 8;
/** Bands that are filled at once. */
const fewBands = 16;
/** Bands chosen for a log of so many entries do until it has grown by as much again. */
const growth = 4;

const decoded = Float32Array.from({ length: 256 }, (_, code) => densityCount(code));
const codes = Uint8Array.from({ length: blockLength + 1 }, (_, count) => densityCode(count));

interface Level {
  /** By group, then band: masks of what lies there, and 16 times the masks of what covers the whole band. */
  readonly masks: Uint8Array;
  /** By group, then band: codes of how many entries begin there. */
  readonly density: Uint8Array;
}

interface Block {
  /** Entries it has. */
  readonly count: number;
  readonly levels: readonly Level[];
  /** Rows of the entries that begin or end within a band, by band; where those of each band begin. */
  readonly rows: Uint16Array;
  readonly starts: Uint32Array;
  /** Bytes written, by group of level 0. */
  readonly bytes: Float64Array;
}

export class BinPyramid {
  readonly #index: LogIndex;
  #bands: Steps | undefined;
  #chosenFor = 0;
  readonly #blocks: Block[] = [];

  constructor(index: LogIndex) {
    this.#index = index;
  }

  /** The entries from `first` on are new or others than before. */
  changed(first: number): void {
    this.#blocks.length = Math.min(this.#blocks.length, Math.floor(first / blockLength));
  }

  get isReady(): boolean {
    return this.#nextBlock() === undefined;
  }

  /** Makes one block that is missing; false when none is. About 10 milliseconds of work. */
  prepare(): boolean {
    const { count } = this.#index;
    if (this.#bands === undefined || count > growth * this.#chosenFor || count < this.#chosenFor / growth) {
      this.#bands = new Steps(chooseBands(this.#index));
      this.#chosenFor = count;
      this.#blocks.length = 0;
    }
    const next = this.#nextBlock();
    if (next === undefined) return false;
    this.#blocks[next] = makeBlock(this.#index, next * blockLength, this.#bands);
    return true;
  }

  #nextBlock(): number | undefined {
    const { count } = this.#index;
    const whole = Math.ceil(count / blockLength);
    const last = Math.min(this.#blocks.length, whole) - 1;
    const isWhole =
      last < 0 || this.#blocks[last]?.count === Math.min(blockLength, count - last * blockLength);
    const next = isWhole ? last + 1 : last;
    return next < whole ? next : undefined;
  }

  /** Bytes held. */
  get memory(): number {
    return this.#blocks.reduce((sum, { levels, rows, starts, bytes }) => {
      const cells = levels.reduce((all, level) => all + level.masks.length + level.density.length, 0);
      return sum + cells + rows.byteLength + starts.byteLength + bytes.byteLength;
    }, 0);
  }

  /**
   * Bounds of rows that `fill` takes for entries [first, end): each is moved to the next bound of a band that is narrower
   * than the rows beside it, which is by less than half a row. Where more entries begin and end within rows than can be
   * looked at in time, rows are as high as the bands there, and fewer.
   */
  snap(edges: Float64Array, first: number, end: number): Float64Array {
    const bands = this.#bands;
    if (bands === undefined) return edges;
    const snapped = edges.map((edge, i) => {
      const before = i > 0 ? edge - (edges[i - 1] as number) : Number.POSITIVE_INFINITY;
      const behind = i + 1 < edges.length ? (edges[i + 1] as number) - edge : Number.POSITIVE_INFINITY;
      const band = bands.find(edge);
      const height = (bands.bounds[band + 1] as number) - (bands.bounds[band] as number);
      return height < Math.min(before, behind) ? nearestBound(bands, band, edge) : edge;
    });
    const dividing = this.#affordable(snapped, bands, first, end);
    const kept = snapped.map((edge) => {
      const band = bands.find(edge);
      return dividing.has(band) ? edge : nearestBound(bands, band, edge);
    });
    const ascending = kept.filter((edge, i) => i === 0 || edge > (kept[i - 1] as number));
    return ascending.length > 1 ? ascending : snapped;
  }

  /** The bands that rows may divide: those first that give most rows for the entries to be looked at. */
  #affordable(edges: Float64Array, bands: Steps, first: number, end: number): ReadonlySet<number> {
    const divided = new Map<number, number>();
    for (const edge of edges) {
      const band = bands.find(edge);
      if (edge > (bands.bounds[band] as number)) divided.set(band, (divided.get(band) ?? 0) + 1);
    }
    const blocks = this.#blocks.slice(Math.floor(first / blockLength), Math.ceil(end / blockLength));
    const costs = [...divided].map(([band, rows]) => {
      const entries = blocks.reduce(
        (sum, { starts }) => sum + (starts[band + 1] as number) - (starts[band] as number),
        0,
      );
      return { band, entries, perRow: entries / rows };
    });
    const chosen = new Set<number>();
    let left = mostDivided;
    for (const { band, entries } of costs.sort((a, b) => a.perRow - b.perRow)) {
      left -= entries;
      if (left < 0) break;
      chosen.add(band);
    }
    return chosen;
  }

  /** Bytes written by `entries` entries from `first` on, both multiples of `groupLength`. */
  bytes(first: number, entries: number): number {
    let sum = 0;
    for (let entry = first; entry < first + entries; entry += groupLength) {
      const block = this.#blocks[Math.floor(entry / blockLength)];
      sum += block?.bytes[(entry % blockLength) / groupLength] ?? 0;
    }
    return sum;
  }

  /**
   * Fills a grid whose rows have bounds from `snap`. Its first column begins at entry `first`, a multiple of `width`,
   * which is a power of two of at least `groupLength`. Needs everything prepared.
   */
  fill(grid: BinGrid, rows: Steps, first: number, width: number): void {
    const bands = this.#bands;
    if (bands === undefined) return;
    const plan = planRows(bands, rows);
    const level = Math.min(levels - 1, Math.log2(width / groupLength));
    const size = groupLength * 2 ** level;
    const end = Math.min(this.#index.count, first + grid.columns * width);
    for (let entry = first; entry < end; entry += size) {
      const held = this.#blocks[Math.floor(entry / blockLength)]?.levels[level];
      if (held === undefined) continue;
      const from = ((entry % blockLength) / size) * bands.count;
      fillGroup(grid, Math.floor((entry - first) / width), held, from, plan);
    }
    if (plan.divided.length > 0) this.#fillDivided(grid, rows, first, width, end, plan.divided);
  }

  /** Entries that begin or end in bands of which rows have but a part. */
  #fillDivided(
    grid: BinGrid,
    rows: Steps,
    first: number,
    width: number,
    end: number,
    divided: readonly Divided[],
  ): void {
    for (let number = Math.floor(first / blockLength); number * blockLength < end; number++) {
      const block = this.#blocks[number];
      if (block === undefined) return;
      const start = number * blockLength;
      const { offset, length, flags } = this.#index.columnsAt(start);
      const from = Math.max(0, first - start);
      const to = end - start;
      for (const part of divided) {
        const stop = block.starts[part.band + 1] as number;
        for (let at = block.starts[part.band] as number; at < stop; at++) {
          const row = block.rows[at] as number;
          if (row < from || row >= to) continue;
          const column = Math.floor((start + row - first) / width);
          const size = length[row] as number;
          addPart(grid, rows, column, part, offset[row] as number, size, maskOf(flags[row] as number, size));
        }
      }
    }
  }
}

/** A band of which rows have but a part. */
interface Divided {
  readonly band: number;
  /** Bytes of it that show. */
  readonly low: number;
  readonly high: number;
  /** Rows that have some of it. */
  readonly from: number;
  readonly to: number;
  /** Its first byte shows: so do entries that begin with it. */
  readonly hasStart: boolean;
}

/** Bands [from, to) that lie in a row as a whole. */
interface RowBands {
  readonly row: number;
  readonly from: number;
  readonly to: number;
}

interface RowPlan {
  readonly whole: readonly RowBands[];
  readonly divided: readonly Divided[];
}

function planRows(bands: Steps, rows: Steps): RowPlan {
  const bottom = rows.bounds[0] as number;
  const top = rows.bounds[rows.count] as number;
  const low = bands.find(bottom);
  const high = bands.find(top - 1) + 1;
  const whole: RowBands[] = [];
  const divided: Divided[] = [];
  for (let band = low; band < high; band++) {
    const start = bands.bounds[band] as number;
    const end = bands.bounds[band + 1] as number;
    const from = rows.find(Math.max(start, bottom));
    const to = rows.find(Math.min(end, top) - 1);
    if (from === to && start >= bottom && end <= top) {
      const last = whole[whole.length - 1];
      if (last?.row === from && last.to === band) whole[whole.length - 1] = { ...last, to: band + 1 };
      else whole.push({ row: from, from: band, to: band + 1 });
    } else {
      const [first, last] = [Math.max(start, bottom), Math.min(end, top)];
      divided.push({ band, low: first, high: last, from, to, hasStart: start >= bottom });
    }
  }
  return { whole, divided };
}

/** One group of entries into its column. */
function fillGroup(grid: BinGrid, column: number, held: Level, from: number, plan: RowPlan): void {
  const { masks, density } = held;
  const base = column * grid.rows;
  for (const { row, from: low, to } of plan.whole) {
    let mask = 0;
    let count = 0;
    for (let at = from + low; at < from + to; at++) {
      mask |= masks[at] as number;
      count += decoded[density[at] as number] as number;
    }
    if (mask === 0) continue;
    grid.masks[base + row] = (grid.masks[base + row] as number) | (mask & 15);
    grid.counts[base + row] = (grid.counts[base + row] as number) + count;
  }
  for (const { band, from: first, to, hasStart } of plan.divided) {
    const mask = masks[from + band] as number;
    if (mask === 0) continue;
    if (mask >= 16) grid.fill(column, first, to, mask >> 4);
    // What covers the band is looked at no more; entries that begin within it are counted anew, each in its row.
    if (hasStart) grid.count(column, first, decoded[density[from + band] as number] as number);
  }
}

/** The part of an entry that lies in a divided band. */
function addPart(
  grid: BinGrid,
  rows: Steps,
  column: number,
  { low, high, from: first, to, hasStart }: Divided,
  offset: number,
  length: number,
  mask: number,
): void {
  const begin = Math.max(offset, low);
  const end = Math.min(offset + length, high);
  if (begin >= end) return;
  // Most bands are divided in two or three.
  const row = to - first <= fewParts ? first + partOf(rows.bounds, first, to, begin) : rows.find(begin);
  grid.fill(column, row, end <= (rows.bounds[row + 1] as number) ? row : rows.find(end - 1), mask);
  if (offset < low) return;
  grid.count(column, row, 1);
  if (hasStart) grid.count(column, first, -1);
}

function nearestBound(bands: Steps, band: number, edge: number): number {
  const low = bands.bounds[band] as number;
  const high = bands.bounds[band + 1] as number;
  return edge - low <= high - edge ? low : high;
}

/** How many rows behind the first one of a few a byte lies. */
function partOf(bounds: Float64Array, first: number, last: number, byte: number): number {
  let row = first;
  while (row < last && (bounds[row + 1] as number) <= byte) row++;
  return row - first;
}

/** Bounds of bands: every so many of the places at which entries begin or end, each once. */
function chooseBands(index: LogIndex): Float64Array {
  const { count } = index;
  const step = Math.max(1, count / sampleLength);
  const places: number[] = [];
  // Uneven steps: a log may repeat itself every so many entries.
  let jump = 0;
  for (let at = 0; at < count; at += step) {
    jump = (jump * 1103515245 + 12345) % 2147483648;
    const entry = Math.min(count - 1, Math.floor(at + (step * jump) / 2147483648));
    const length = index.lengthOf(entry);
    if (maskOf(index.flagsOf(entry), length) === 0) continue;
    places.push(index.offsetOf(entry), index.offsetOf(entry) + length);
  }
  const sorted = Float64Array.from(places).sort();
  const bounds = [0];
  for (let i = 1; i < bandCount - 1; i++) {
    const place = sorted[Math.floor((i * sorted.length) / (bandCount - 1))] ?? 0;
    if (place > (bounds[bounds.length - 1] as number)) bounds.push(place);
  }
  for (const last of [index.diskEnd, Number.MAX_SAFE_INTEGER]) {
    if (last > (bounds[bounds.length - 1] as number)) bounds.push(last);
  }
  return Float64Array.from(bounds);
}

function makeBlock(index: LogIndex, first: number, bands: Steps): Block {
  const columns = index.columnsAt(first);
  const count = columns.end;
  const groups = Math.ceil(count / groupLength);
  const masks = new Uint8Array(groups * bands.count);
  const begins = new Uint32Array(groups * bands.count);
  const bytes = new Float64Array(groups);
  const within = new Within(count, bands.count);
  const long = new LongEntries(bands.count);
  for (let group = 0; group < groups; group++) {
    const base = group * bands.count;
    const end = Math.min(count, (group + 1) * groupLength);
    for (let row = group * groupLength; row < end; row++) {
      const length = columns.length[row] as number;
      const mask = maskOf(columns.flags[row] as number, length);
      if (mask === 0) continue;
      const offset = columns.offset[row] as number;
      const stop = offset + length;
      const from = bands.find(offset);
      const to = stop <= (bands.bounds[from + 1] as number) ? from : bands.find(stop - 1);
      const isCutBelow = offset > (bands.bounds[from] as number);
      const isCutAbove = stop < (bands.bounds[to + 1] as number);
      if (isCutBelow || (isCutAbove && from === to)) within.add(from, row);
      if (isCutAbove && from !== to) within.add(to, row);
      begins[base + from] = (begins[base + from] as number) + 1;
      if (mask !== maskDiscard) bytes[group] = (bytes[group] as number) + length;
      const fullFrom = isCutBelow ? from + 1 : from;
      const fullTo = isCutAbove ? to - 1 : to;
      if (to - from >= fewBands) long.add(fullFrom, fullTo, mask);
      else for (let band = fullFrom; band <= fullTo; band++) put(masks, base + band, mask * 17);
      put(masks, base + from, mask);
      put(masks, base + to, mask);
    }
    long.into(masks, base);
  }
  return { count, levels: makeLevels(masks, begins, groups, bands.count), ...within.sorted(), bytes };
}

const maskDiscard = binOps.discard;

function put(masks: Uint8Array, at: number, mask: number): void {
  masks[at] = (masks[at] as number) | mask;
}

/** Rows of a block by the bands they begin or end within. */
class Within {
  readonly #bands: Uint16Array;
  readonly #rows: Uint16Array;
  readonly #starts: Uint32Array;
  #length = 0;

  constructor(entries: number, bands: number) {
    this.#bands = new Uint16Array(2 * entries);
    this.#rows = new Uint16Array(2 * entries);
    this.#starts = new Uint32Array(bands + 1);
  }

  add(band: number, row: number): void {
    this.#bands[this.#length] = band;
    this.#rows[this.#length++] = row;
    this.#starts[band + 1] = (this.#starts[band + 1] as number) + 1;
  }

  sorted(): Pick<Block, "rows" | "starts"> {
    const starts = this.#starts;
    for (let band = 1; band < starts.length; band++) {
      starts[band] = (starts[band] as number) + (starts[band - 1] as number);
    }
    const next = starts.slice();
    const rows = new Uint16Array(this.#length);
    for (let i = 0; i < this.#length; i++) {
      const band = this.#bands[i] as number;
      const at = next[band] as number;
      rows[at] = this.#rows[i] as number;
      next[band] = at + 1;
    }
    return { rows, starts };
  }
}

/** Entries of a group that cover many bands: noted by their ends, filled in once. */
class LongEntries {
  readonly #changes: Int32Array;
  readonly #bands: number;
  #any = false;

  constructor(bands: number) {
    this.#bands = bands;
    this.#changes = new Int32Array(4 * (bands + 1));
  }

  add(from: number, to: number, mask: number): void {
    this.#any = true;
    for (let bit = 0; bit < 4; bit++) {
      if ((mask & (1 << bit)) === 0) continue;
      const base = bit * (this.#bands + 1);
      this.#changes[base + from] = (this.#changes[base + from] as number) + 1;
      this.#changes[base + to + 1] = (this.#changes[base + to + 1] as number) - 1;
    }
  }

  into(masks: Uint8Array, base: number): void {
    if (!this.#any) return;
    for (let bit = 0; bit < 4; bit++) {
      let open = 0;
      for (let band = 0; band < this.#bands; band++) {
        open += this.#changes[bit * (this.#bands + 1) + band] as number;
        if (open > 0) put(masks, base + band, 17 << bit);
      }
    }
    this.#changes.fill(0);
    this.#any = false;
  }
}

/** Level 0 from its cells, each further one from two groups of the one before. */
function makeLevels(masks: Uint8Array, begins: Uint32Array, groups: number, bands: number): Level[] {
  const made: Level[] = [{ masks, density: encoded(begins) }];
  let [below, counts, size] = [masks, begins, groups];
  for (let level = 1; level < levels; level++) {
    const half = Math.ceil(size / 2);
    const nextMasks = new Uint8Array(half * bands);
    const nextCounts = new Uint32Array(half * bands);
    for (let group = 0; group < size; group++) {
      const to = (group >> 1) * bands;
      for (let band = 0, from = group * bands; band < bands; band++, from++) {
        nextMasks[to + band] = (nextMasks[to + band] as number) | (below[from] as number);
        nextCounts[to + band] = (nextCounts[to + band] as number) + (counts[from] as number);
      }
    }
    made.push({ masks: nextMasks, density: encoded(nextCounts) });
    [below, counts, size] = [nextMasks, nextCounts, half];
  }
  return made;
}

function encoded(counts: Uint32Array): Uint8Array {
  const density = new Uint8Array(counts.length);
  for (let i = 0; i < counts.length; i++) density[i] = codes[counts[i] as number] as number;
  return density;
}
