// Requests on overlapping ranges one after the other: read-modify-write must not lose a neighbour's bytes, and copies
// that are written side by side must see overlapping writes in one order.

export type LockKind = "shared" | "exclusive";

interface Holder {
  readonly offset: number;
  readonly end: number;
  readonly kind: LockKind;
  /** Waiting for another holder: it will look again when it wakes, so nobody needs to wait for it. */
  waiting: boolean;
  readonly done: Promise<void>;
}

export class RangeLock {
  readonly #holders = new Set<Holder>();

  /**
   * Runs `body` while no overlapping range is held, other than shared ones beside a shared one. Bytes, half-open.
   * What waits does not bar those that come later, so a chain of requests can't block itself.
   */
  async run<T>(offset: number, length: number, kind: LockKind, body: () => Promise<T>): Promise<T> {
    let release = () => {};
    const done = new Promise<void>((resolve) => {
      release = resolve;
    });
    const own: Holder = { offset, end: offset + length, kind, waiting: false, done };
    this.#holders.add(own);
    try {
      for (let other = this.#conflict(own); other !== undefined; other = this.#conflict(own)) {
        own.waiting = true;
        await other.done;
        own.waiting = false;
      }
      return await body();
    } finally {
      this.#holders.delete(own);
      release();
    }
  }

  /** Resolves when nothing that is held now is held any more. */
  async settled(): Promise<void> {
    await Promise.all([...this.#holders].map(({ done }) => done));
  }

  #conflict(own: Holder): Holder | undefined {
    for (const other of this.#holders) {
      const overlaps = other !== own && other.offset < own.end && own.offset < other.end;
      if (overlaps && !other.waiting && (own.kind === "exclusive" || other.kind === "exclusive"))
        return other;
    }
    return undefined;
  }
}
