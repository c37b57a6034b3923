// A map that forgets what was used longest ago once its entries together weigh more than a limit.

export class Lru<K, V> {
  readonly #limit: number;
  readonly #weigh: (value: V) => number;
  readonly #forgotten: ((value: V) => void) | undefined;
  readonly #entries = new Map<K, V>();
  #weight = 0;

  /**
   * `limit` in the unit of `weigh` (1 an entry when left out). The newest entry is kept even above it.
   * `forgotten` hears what had to go because of it.
   */
  constructor(limit: number, weigh: (value: V) => number = () => 1, forgotten?: (value: V) => void) {
    this.#forgotten = forgotten;
    this.#limit = limit;
    this.#weigh = weigh;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    this.delete(key);
    this.#entries.set(key, value);
    this.#weight += this.#weigh(value);
    for (const [oldest, forgotten] of this.#entries) {
      if (this.#weight <= this.#limit || this.#entries.size === 1) break;
      this.delete(oldest);
      this.#forgotten?.(forgotten);
    }
  }

  delete(key: K): void {
    const value = this.#entries.get(key);
    if (value === undefined) return;
    this.#entries.delete(key);
    this.#weight -= this.#weigh(value);
  }

  clear(): void {
    this.#entries.clear();
    this.#weight = 0;
  }
}
