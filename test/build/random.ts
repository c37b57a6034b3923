// Seeded random numbers, so that a failure found by chance can be found again.

export interface Random {
  /** A whole number from 0, below `limit`. */
  below(limit: number): number;
  pick<T>(from: readonly T[]): T;
  bytes(length: number): Uint8Array;
}

/** Mulberry32: 32 bits of state are plenty for tests. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (limit: number) => Math.floor((next() / 0x100000000) * limit);
  return {
    below,
    pick: (from) => from[below(from.length)] as (typeof from)[number],
    bytes: (length) => Uint8Array.from({ length }, () => next() >>> 24),
  };
}

/**
 * Runs a random test with a fixed seed, or with that in BLKSCOPE_SEED; a failure names the seed.
 */
export async function seeded(body: (random: Random) => Promise<void>, fallback = 20261121): Promise<void> {
  const seed = Number(process.env.BLKSCOPE_SEED ?? fallback);
  try {
    await body(randomFrom(seed));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`with BLKSCOPE_SEED=${seed}: ${why}`, { cause: error });
  }
}
