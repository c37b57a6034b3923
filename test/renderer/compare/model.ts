// A naive model of the run table for the tests of this folder: plain objects, linear searches, seeded runs.
import { type RunBatch, type Signature, signatures } from "../../../core/ops/mismatch.ts";

export interface ModelRun {
  readonly offset: number;
  readonly length: number;
  readonly sectors: number;
  readonly bytes: number;
  readonly signature: Signature;
  readonly detail: number;
  readonly runs: number;
}

/** xorshift32: the same numbers for the same seed everywhere; 0 <= n < below. */
export function seeded(seed: number): (below: number) => number {
  let state = seed === 0 ? 1 : seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** `count` runs, ascending, never touching each other. */
export function randomRuns(count: number, random: (below: number) => number, gapSectors = 200): ModelRun[] {
  const runs: ModelRun[] = [];
  let sector = random(gapSectors);
  for (let i = 0; i < count; i++) {
    const sectors = 1 + random(12);
    runs.push({
      offset: sector * 512,
      length: sectors * 512,
      sectors,
      bytes: 1 + random(sectors * 512),
      signature: signatures[random(signatures.length)] ?? "plain",
      detail: random(4096),
      runs: 1,
    });
    sector += sectors + 1 + random(gapSectors);
  }
  return runs;
}

export function batchOf(runs: readonly ModelRun[]): RunBatch {
  return {
    count: runs.length,
    offset: Float64Array.from(runs, (run) => run.offset),
    length: Float64Array.from(runs, (run) => run.length),
    sectors: Float64Array.from(runs, (run) => run.sectors),
    bytes: Float64Array.from(runs, (run) => run.bytes),
    signature: Uint8Array.from(runs, (run) => signatures.indexOf(run.signature)),
    detail: Float64Array.from(runs, (run) => run.detail),
    runs: Uint32Array.from(runs, (run) => run.runs),
  };
}

export const plainRun = (sector: number, sectors: number, more: Partial<ModelRun> = {}): ModelRun => ({
  offset: sector * 512,
  length: sectors * 512,
  sectors,
  bytes: sectors * 512,
  signature: "plain",
  detail: 0,
  runs: 1,
  ...more,
});
