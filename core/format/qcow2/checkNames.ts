// Who refers to clusters that are referred to too often: the tables are read once more, for all of these together. Only
// damaged images need it.
import { BlockError } from "../../base/errors.ts";
import { hasBit, setBit } from "./checkVisits.ts";
import type { CheckParts, CheckRoot } from "./checkWalk.ts";
import { compressedPlace, hasOffset, isCompressed, offsetOf } from "./entry.ts";
import { PieceReader } from "./pieces.ts";

/** By number of a cluster, the names of what refers to it. */
export type Wanted = Map<number, string[]>;

const mostNames = 16;

/** Fills in the names. A table that several refer to is named by the first one. Tables that can't be read name nothing. */
export async function nameReferences(
  parts: CheckParts,
  roots: readonly CheckRoot[],
  wanted: Wanted,
): Promise<void> {
  await new Names(parts, wanted).run(roots);
}

class Names {
  readonly #parts: CheckParts;
  readonly #wanted: Wanted;
  /** Bits of clusters: those that are wanted, and tables that were read. */
  readonly #isWanted: Uint8Array;
  readonly #isRead: Uint8Array;

  constructor(parts: CheckParts, wanted: Wanted) {
    const bytes = Math.ceil((parts.counts.clusters + 1) / 8);
    this.#parts = parts;
    this.#wanted = wanted;
    this.#isWanted = new Uint8Array(bytes);
    this.#isRead = new Uint8Array(bytes);
    for (const cluster of wanted.keys()) setBit(this.#isWanted, cluster);
  }

  async run(roots: readonly CheckRoot[]): Promise<void> {
    for (const { first, last, by } of this.#parts.regions.owned) this.#note(first, last, () => by);
    const seen = new Set<number>();
    for (const root of roots) {
      if (seen.has(root.table.offset)) continue;
      seen.add(root.table.offset);
      await this.#inRoot(root).catch((error) => this.#passOn(error));
    }
  }

  #note(first: number, last: number, name: () => string): void {
    for (let cluster = first; cluster <= last; cluster++) {
      if (!hasBit(this.#isWanted, cluster)) continue;
      const names = this.#wanted.get(cluster);
      if (names !== undefined && names.length < mostNames) names.push(name());
    }
  }

  async #inRoot(root: CheckRoot): Promise<void> {
    const { file, header, reporter } = this.#parts;
    for await (const { halves, first } of new PieceReader(file).words(root.table)) {
      for (let i = 0; i < halves.length; i += 2) {
        const [high = 0, low = 0] = [halves[i], halves[i + 1]];
        if (high === 0 && low === 0) continue;
        const offset = offsetOf(high, low);
        const cluster = Math.floor(offset / header.clusterSize);
        const index = first + i / 2;
        this.#note(cluster, cluster, () => `${root.prefix}L1[${index}]`);
        const isTable = offset % header.clusterSize === 0 && offset < file.size;
        if (!isTable || header.hasDataFile || !setBit(this.#isRead, cluster)) continue;
        await this.#inTable(offset, `${root.prefix}L1[${index}]`).catch((error) => this.#passOn(error));
      }
      await reporter.breathe();
    }
  }

  async #inTable(offset: number, name: string): Promise<void> {
    const { file, header, reporter } = this.#parts;
    const { clusterSize, clusterBits, l2EntryLength } = header;
    const step = l2EntryLength / 4;
    for await (const { halves, first } of new PieceReader(file).words({ offset, entries: clusterSize / 8 })) {
      for (let i = 0; i < halves.length; i += step) {
        const [high = 0, low = 0] = [halves[i], halves[i + 1]];
        if (high === 0 && low === 0) continue;
        const isStream = isCompressed(high);
        if (!isStream && !hasOffset(high, low)) continue;
        const place = isStream
          ? compressedPlace(high, low, clusterBits)
          : { offset: offsetOf(high, low), length: clusterSize };
        const last = Math.floor((place.offset + place.length - 1) / clusterSize);
        if (last > this.#parts.counts.clusters) continue;
        const entry = (first * 2 + i) / step;
        this.#note(Math.floor(place.offset / clusterSize), last, () => `${name} -> L2[${entry}]`);
      }
      await reporter.breathe();
    }
  }

  /** What can't be read was told by the walk. */
  #passOn(error: unknown): void {
    if (error instanceof BlockError && error.code !== "ECANCELED") return;
    throw error;
  }
}
