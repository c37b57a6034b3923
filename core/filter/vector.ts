// Scatter and gather: a request's buffers may overlap, as a caller that throws data away reads twice into one page.
// The drivers that compare copies therefore read into memory of their own and fill the buffers in order afterwards:
// what is compared never depends on how the caller's buffers lie (filters reference, 1.4).

/** Total length, bytes. */
export function vectorLength(targets: readonly Uint8Array[]): number {
  return targets.reduce((sum, part) => sum + part.length, 0);
}

/** Fills the buffers in order from one that holds the whole range. */
export function scatter(whole: Uint8Array, targets: readonly Uint8Array[]): void {
  let done = 0;
  for (const part of targets) {
    part.set(whole.subarray(done, done + part.length));
    done += part.length;
  }
}
