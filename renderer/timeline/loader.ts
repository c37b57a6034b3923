// Keeps the bins that a view needs coming: one request at a time, the latest wish next, a margin around what shows so
// that moving finds something there. Until they come, those that are there are stretched to fit.
import { type PlainError, toPlain } from "../../core/base/errors.ts";
import { type BinsRequest, columnWidth } from "../../core/writelog/bins.ts";
import { type Cells, cellsOf } from "./cells.ts";
import type { TimelineSource, Viewport } from "./contract.ts";
import { type DiskAxis, rowEdges } from "./disk.ts";

/** Beside what shows, as shares of it. */
const margin = 0.25;
/** Rows may be this much higher or lower than asked for before new ones are. */
const rowsWithin = 1.2;
const mostColumns = 2048;
const mostRows = 1024;
/** The whole log, for where nothing else is there yet. */
const overviewColumns = 512;
const overviewRows = 192;

/** What is wanted: a part of the log, and pixels it is for. */
export interface Want extends Viewport {
  readonly axis: DiskAxis;
  readonly columns: number;
  readonly rows: number;
}

export class BinLoader {
  readonly source: TimelineSource;
  readonly #changed: () => void;
  #wanted: Want | undefined;
  #loaded: Want | undefined;
  #cells: Cells | undefined;
  #overview: Cells | undefined;
  #overviewAxis: DiskAxis | undefined;
  #busy = false;
  #closed = false;
  trouble: PlainError | undefined;

  constructor(source: TimelineSource, changed: () => void) {
    this.source = source;
    this.#changed = changed;
  }

  close(): void {
    this.#closed = true;
  }

  get cells(): Cells | undefined {
    return this.#cells;
  }

  get overview(): Cells | undefined {
    return this.#overview;
  }

  want(want: Want): void {
    this.#wanted = want;
    if (!this.#busy && this.trouble === undefined) void this.#load();
  }

  retry(): void {
    this.trouble = undefined;
    this.#changed();
  }

  async #load(): Promise<void> {
    this.#busy = true;
    try {
      for (let next = this.#next(); next !== undefined; next = this.#next()) {
        const bins = await this.source.bins(requestFor(next.part, this.source.entries));
        if (this.#closed) return;
        const cells = cellsOf(bins);
        if (next.isOverview) [this.#overview, this.#overviewAxis] = [cells, next.part.axis];
        else [this.#cells, this.#loaded] = [cells, next.part];
        this.#changed();
      }
    } catch (error) {
      if (this.#closed) return;
      this.trouble = toPlain(error);
      this.#changed();
    } finally {
      this.#busy = false;
    }
  }

  #next(): { readonly part: Want; readonly isOverview: boolean } | undefined {
    const want = this.#wanted;
    if (want === undefined || this.#closed || want.axis.length === 0 || this.source.entries === 0)
      return undefined;
    if (!covers(this.#loaded, want, this.source.entries)) return { part: widened(want), isOverview: false };
    if (this.#overviewAxis === want.axis) return undefined;
    const whole = { first: 0, end: this.source.entries, low: 0, high: 1 };
    return {
      part: { ...whole, axis: want.axis, columns: overviewColumns, rows: overviewRows },
      isOverview: true,
    };
  }
}

/** With a margin, as far as there is something; columns and rows in proportion. */
function widened(want: Want): Want {
  const { first, end, low, high, columns, rows } = want;
  const [wide, tall] = [end - first, high - low];
  const from = Math.max(0, first - margin * wide);
  const to = end + margin * wide;
  const bottom = Math.max(0, low - margin * tall);
  const top = Math.min(1, high + margin * tall);
  return {
    axis: want.axis,
    first: from,
    end: to,
    low: bottom,
    high: top,
    columns: Math.min(mostColumns, Math.max(2, Math.ceil((columns * (to - from)) / wide))),
    rows: Math.min(mostRows, Math.max(1, Math.round((rows * (top - bottom)) / tall))),
  };
}

/** Whether bins that were loaded are as good as those that would be. */
function covers(loaded: Want | undefined, want: Want, entries: number): boolean {
  if (loaded === undefined || loaded.axis !== want.axis) return false;
  const inside =
    loaded.first <= want.first &&
    Math.min(entries, loaded.end) >= Math.min(entries, want.end) &&
    loaded.low <= want.low &&
    loaded.high >= want.high;
  if (!inside) return false;
  const ideal = widened(want);
  const width = (one: Want) => columnWidth(one.end - one.first, one.columns);
  const perShare = (one: Want) => one.rows / (one.high - one.low);
  const ratio = perShare(loaded) / perShare(ideal);
  return width(loaded) === width(ideal) && ratio < rowsWithin && ratio > 1 / rowsWithin;
}

function requestFor({ axis, first, end, low, high, columns, rows }: Want, entries: number): BinsRequest {
  return {
    firstEntry: Math.min(entries, Math.floor(first)),
    endEntry: Math.min(entries, Math.ceil(end)),
    columns: Math.max(2, columns),
    edges: rowEdges(axis, low, high, rows),
  };
}
