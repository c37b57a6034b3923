// A map that can be looked at while its scan runs: cells as far as they are known, and what is at a place. It takes a
// small part of the scan's time, in the turns that this takes anyway, and nothing of a quick one.
import { BlockError } from "../base/errors.ts";
import type { ClusterMarks } from "../block/clusterMarks.ts";
import type { BlockNode } from "../block/node.ts";
import { clusterKinds, kindNumber } from "../block/structure.ts";
import { checkTile } from "./cells.ts";
import { LevelsSoFar } from "./levelsSoFar.ts";
import { lookInto, type PlaceQuestion, storedCount, whereIs } from "./mapPlace.ts";
import type { MapAsks, MapFacts, MapPlace, MapSoFar, TileRequest } from "./mapRun.ts";
import { totalsOf } from "./mapTotals.ts";

/** A scan that is over by then needs no such map; and so much time is at least between two versions. */
const everyMs = 250;
/** Part of the scan's time that making levels may take. */
const share = 0.03;
/** Milliseconds for which it is worth to go on with a sweep: several chunks. */
const leastMs = 0.2;
/** Clusters that a search copies at once. */
const piece = 2 ** 16;

export type FactsSoFar = Omit<MapFacts, "kinds" | "levels">;

export class GrowingMap {
  readonly #node: BlockNode;
  readonly #marks: ClusterMarks;
  readonly #facts: FactsSoFar;
  #levels: LevelsSoFar | undefined;
  #version = 0;
  #isSweeping = false;
  /** When the last sweep ended. */
  #sweptAt: number;
  /** The scan's time counts from here on; of it so much went into sweeps. Milliseconds. */
  #since: number;
  #spent = 0;

  constructor(node: BlockNode, marks: ClusterMarks, facts: FactsSoFar) {
    this.#node = node;
    this.#marks = marks;
    this.#facts = facts;
    this.#sweptAt = performance.now();
    this.#since = this.#sweptAt;
  }

  /** Arrays in which the levels of the whole map may be made. */
  get memory(): readonly Uint8Array<ArrayBuffer>[] {
    return this.#levels?.levels ?? [];
  }

  /** The last version; undefined before the first. */
  get soFar(): MapSoFar | undefined {
    if (this.#levels === undefined || this.#version === 0) return undefined;
    const last = this.#marks.kindSoFar(this.#facts.clusters - 1);
    const kinds = totalsOf(this.#levels.counts, last, this.#facts);
    return { ...this.#facts, kinds, levels: this.#levels.levels.length, version: this.#version };
  }

  /** At a turn of the scan: goes on with a sweep for as long as the scan can spare. */
  step(): void {
    const now = performance.now();
    if (!this.#isSweeping && now - this.#sweptAt < everyMs) return;
    const spare = (now - this.#since) * share - this.#spent;
    if (spare < leastMs) return;
    this.#sweep(spare);
    this.#spent += performance.now() - now;
  }

  /** The scan stands still: makes a version of all that is known by now, and counts its time anew. */
  catchUp(): void {
    // What a sweep under way passed before may have become known since.
    if (this.#isSweeping) this.#sweep(Number.POSITIVE_INFINITY);
    this.#sweep(Number.POSITIVE_INFINITY);
    this.#since = performance.now();
    this.#spent = 0;
  }

  /** Cells of a level of detail. Throws EINVAL, also for the guest's order: that is known in the end. */
  tile(request: TileRequest): Uint8Array<ArrayBuffer> {
    if (request.order === "guest") throw notYet("The order of the guest's disk");
    const levels = this.#levels?.levels;
    if (levels === undefined) throw notYet("The map");
    const { level, first, count } = checkTile(request, levels.length);
    const cells = level === 0 ? this.#facts.clusters : (levels[level]?.length ?? 0);
    const end = Math.min(cells, first + count);
    if (level === 0) return this.#marks.kindsSoFar(Math.min(first, end), end);
    return Uint8Array.from(levels[level]?.subarray(Math.min(first, end), end) ?? []);
  }

  /** What its bytes say, and its kind so far; references are found when all tables are read. Throws EINVAL, ECANCELED. */
  async place(question: PlaceQuestion): Promise<MapPlace> {
    const where = whereIs(question.offset, this.#facts.clusterSize, this.#facts.fileSize);
    const number = this.#marks.kindSoFar(where.cluster);
    return {
      ...where,
      kind: clusterKinds[number] ?? "unknown",
      counted: number === 0 ? 0 : this.#marks.references(where.cluster),
      ...(await storedCount(this.#node, where.cluster)),
      references: { list: [], total: 0 },
      ...(await lookInto(this.#node, where.clusterOffset, question)),
    };
  }

  /** The next cluster of one of the kinds, up to the end of the file in either direction. */
  next({ from, kinds, backwards = false }: MapAsks["next"]["question"]): number | undefined {
    const { clusters } = this.#facts;
    const wanted = new Uint8Array(256);
    for (const kind of kinds) wanted[kindNumber(kind)] = 1;
    const isWanted = (kind: number) => wanted[kind] === 1;
    for (
      let at = Math.floor(from / piece) * piece;
      at >= 0 && at < clusters;
      at += backwards ? -piece : piece
    ) {
      const first = backwards ? at : Math.max(from, at);
      const end = backwards ? Math.min(from + 1, at + piece) : at + piece;
      const known = this.#marks.kindsSoFar(first, Math.min(clusters, end));
      const found = backwards ? known.findLastIndex(isWanted) : known.findIndex(isWanted);
      if (found >= 0) return first + found;
    }
    return undefined;
  }

  #sweep(milliseconds: number): void {
    this.#levels ??= new LevelsSoFar(this.#marks);
    this.#isSweeping = !this.#levels.sweep(milliseconds);
    if (this.#isSweeping) return;
    this.#version++;
    this.#sweptAt = performance.now();
  }
}

function notYet(what: string): BlockError {
  return new BlockError("EINVAL", `${what} is known when the scan is over`);
}
