// A small seeded generator of numbers (mulberry32): the samples must come out the same on every machine.

/**
 * @param {number} seed
 * @returns {(below: number) => number} an integer from 0 to below - 1
 */
export function randomNumbers(seed) {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}
