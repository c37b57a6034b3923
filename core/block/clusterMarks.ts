// The kind of every cluster of a file and how often it is referred to, in a byte and a bit a cluster; a second byte comes
// with the first cluster that is referred to twice. A pass over tables may set the bits itself.
import { BlockError } from "../base/errors.ts";
import { kindNumber } from "./structure.ts";

/** Clusters of one map: 2 bytes each and a half for bits and levels of detail stay below 1.4 GB. */
export const maxMappedClusters = 2 ** 29;
const overlap = kindNumber("overlap");
/** Kinds of clusters that nothing refers to. */
const unreferenced = new Set(
  (["unknown", "free", "hole", "header", "leaked"] as const).map((kind) => kindNumber(kind)),
);
const [header, badEntry] = [kindNumber("header"), kindNumber("bad-entry")];
/** Of a cluster whose stored count is wrong: what it holds is remembered besides. */
const miscounted = new Set((["refcount-low", "refcount-high"] as const).map(kindNumber));
/** Counted references end here. */
export const mostCounted = 255;

export class ClusterMarks {
  /** Numbers of `clusterKinds`. */
  readonly kinds: Uint8Array<ArrayBuffer>;
  /**
   * Bit i % 32 of the little-endian word i / 32: cluster i has an owner. Small enough to stay in a processor's cache where
   * `kinds` would not.
   */
  #owned: DataView;
  /** The same of threads that mark data for the pass: they count for who looks at the marks while it runs. */
  #others: readonly DataView[] = [];
  /** References of clusters beyond the first. */
  #extra: Uint8Array | undefined;
  /** What miscounted clusters hold, two to a byte: those kinds have numbers below 16. */
  #held: Uint8Array | undefined;
  /** Clusters of the header with fields that are wrong: nothing refers to them either. */
  readonly #badHeader = new Set<number>();
  /** The kind that clusters without an owner have until the pass is over; undefined: `unknown`, as they were made. */
  #presumed: number | undefined;

  /** Throws EFBIG above `maxMappedClusters`. */
  constructor(clusters: number) {
    if (clusters > maxMappedClusters) {
      throw new BlockError("EFBIG", `The file has ${clusters} clusters; a map holds ${maxMappedClusters}`, {
        hint: "It can still be checked: blkscope check.",
      });
    }
    this.kinds = new Uint8Array(clusters);
    this.#owned = new DataView(new ArrayBuffer(Math.ceil(clusters / 32) * 4));
  }

  /** A pass sets bits in memory of its own, all zero: those are the ones that count. Before anything is marked. */
  keepBitsIn(bits: DataView): void {
    this.#owned = bits;
  }

  /** Others set bits as well, for clusters of the kind presumed; until they are joined, only who looks sees them. */
  lookInto(others: readonly DataView[]): void {
    this.#others = others;
  }

  /** Clusters [first, end) have an owner as others' bits say, `first` a multiple of 32; answers whether none has one yet. */
  join(bits: DataView, first: number, end: number): boolean {
    let both = 0;
    const length = Math.min(Math.ceil((end - first) / 32), bits.byteLength / 4 - first / 32);
    const wordsOf = ({ buffer, byteOffset }: DataView) =>
      new Int32Array(buffer, byteOffset + first / 8, Math.max(0, length));
    const [own, others] = [wordsOf(this.#owned), wordsOf(bits)];
    // The order of bytes in a word makes no difference.
    for (let at = 0; at < own.length; at++) {
      const other = others[at] as number;
      if (other === 0) continue;
      const before = own[at] as number;
      both |= before & other;
      own[at] = before | other;
    }
    return both === 0;
  }

  /** Forgets all: the pass begins anew. */
  restart(): void {
    this.kinds.fill(0);
    this.#owned = new DataView(new ArrayBuffer(this.#owned.byteLength));
    this.#others = [];
    this.#extra = undefined;
    this.#held = undefined;
    this.#badHeader.clear();
    this.#presumed = undefined;
  }

  /** References to a run of clusters that their owner alone may have; answers how many have one already. */
  own(first: number, count: number, kind: number): number {
    let again = 0;
    for (let index = first; index < first + count; index++) {
      const bit = 1 << (index & 31);
      const old = this.#word(index);
      if ((old & bit) === 0) {
        this.#owned.setInt32((index >>> 5) * 4, old | bit, true);
        this.kinds[index] = kind;
      } else {
        this.again(index);
        again++;
      }
    }
    return again;
  }

  /** Sets the bits of a run of clusters, whose kind is the one presumed; answers how many had an owner already. */
  ownRun(first: number, count: number): number {
    let again = 0;
    for (let index = first, left = count; left > 0; ) {
      const low = index & 31;
      const length = Math.min(left, 32 - low);
      const mask = length === 32 ? -1 : ((1 << length) - 1) << low;
      const old = this.#word(index);
      this.#owned.setInt32((index >>> 5) * 4, old | mask, true);
      const both = old & mask;
      for (let bit = low; both !== 0 && bit < low + length; bit++) {
        if ((both & (1 << bit)) === 0) continue;
        this.again(index - low + bit);
        again++;
      }
      index += length;
      left -= length;
    }
    return again;
  }

  /**
   * `times` references to a cluster that others may refer to as well, as long as `mixes` says so of its kind: it then has
   * the worse of both. Answers false where the cluster is something else: it is an overlap.
   */
  refer(index: number, kind: number, times: number, mixes: (other: number) => boolean): boolean {
    const bit = 1 << (index & 31);
    const old = this.#word(index);
    const isFirst = (old & bit) === 0;
    if (isFirst) this.#owned.setInt32((index >>> 5) * 4, old | bit, true);
    const before = this.kinds[index] ?? 0;
    const isGood = isFirst || mixes(before);
    if (isFirst) this.kinds[index] = kind;
    else this.kinds[index] = isGood ? Math.max(before, kind) : overlap;
    const more = isFirst ? times - 1 : times;
    if (more === 0) return isGood;
    this.#extra ??= new Uint8Array(this.kinds.length);
    this.#extra[index] = Math.min(mostCounted - 1, (this.#extra[index] ?? 0) + more);
    return isGood;
  }

  /** One more reference to a cluster that has its owner. */
  again(index: number): void {
    this.#extra ??= new Uint8Array(this.kinds.length);
    this.kinds[index] = overlap;
    const before = this.#extra[index] ?? 0;
    if (before < mostCounted - 1) this.#extra[index] = before + 1;
  }

  /**
   * Gives `kind` to all clusters, before anything else is marked: what those have in the end of which a pass sets the bit
   * alone.
   */
  presume(kind: number): void {
    this.kinds.fill(kind);
    this.#presumed = kind;
  }

  /** The kind that is only presumed of clusters without an owner while the pass runs; undefined where none is. */
  get presumed(): number | undefined {
    return this.#presumed;
  }

  /** The bits known so far of clusters from `first` on, a multiple of 8, eight to a byte, lowest first. */
  bitsSoFar(first: number, count: number): Uint8Array {
    const own = this.#bits(first, count);
    if (this.#others.length === 0) return own;
    const all = own.slice();
    for (const { buffer, byteOffset } of this.#others) {
      const other = new Uint8Array(buffer, byteOffset + first / 8, all.length);
      for (let at = 0; at < all.length; at++) all[at] = (all[at] ?? 0) | (other[at] ?? 0);
    }
    return all;
  }

  #bits(first: number, count: number): Uint8Array {
    const { buffer, byteOffset } = this.#owned;
    return new Uint8Array(buffer, byteOffset + first / 8, Math.ceil(count / 8));
  }

  /** What is known of the cluster while the pass runs: 0, `unknown`, as long as no owner was found. */
  kindSoFar(index: number): number {
    const kind = this.kinds[index] ?? 0;
    return kind === this.#presumed && !isSet(this.#wordSoFar(index), index) ? 0 : kind;
  }

  /** Copies what is known of clusters [first, end). */
  kindsSoFar(first: number, end: number): Uint8Array<ArrayBuffer> {
    const known = this.kinds.slice(first, end);
    const presumed = this.#presumed;
    if (presumed === undefined) return known;
    for (let index = first; index < end; ) {
      const wordEnd = Math.min(end, index - (index & 31) + 32);
      const bits = this.#wordSoFar(index);
      if (bits === -1) index = wordEnd;
      for (; index < wordEnd; index++) {
        if (known[index - first] === presumed && !isSet(bits, index)) known[index - first] = 0;
      }
    }
    return known;
  }

  isOwned(index: number): boolean {
    return isSet(this.#word(index), index);
  }

  /** The bits of the cluster and its neighbours. */
  #word(index: number): number {
    return this.#owned.getInt32((index >>> 5) * 4, true);
  }

  #wordSoFar(index: number): number {
    let word = this.#word(index);
    for (const bits of this.#others) word |= bits.getInt32((index >>> 5) * 4, true);
    return word;
  }

  /** Gives `kind` to clusters of the range that have no owner. */
  abandon(first: number, end: number, kind: number): void {
    const { kinds } = this;
    for (let index = first; index < end; ) {
      const bits = this.#word(index);
      const wordEnd = Math.min(end, index - (index & 31) + 32);
      if (bits === 0) {
        const from = index;
        index = wordEnd;
        while (index < end && this.#word(index) === 0) index = Math.min(end, index + 32);
        kinds.fill(kind, from, index);
      } else if (bits === -1) index = wordEnd;
      else for (; index < wordEnd; index++) if ((bits & (1 << (index & 31))) === 0) kinds[index] = kind;
    }
  }

  /** What is presumed of clusters in [first, end) that have no owner is not known of them: they are `unknown`. */
  forget(first: number, end: number): void {
    const { kinds } = this;
    const presumed = this.#presumed;
    for (let index = first; index < end; ) {
      const bits = this.#word(index);
      const wordEnd = Math.min(end, index - (index & 31) + 32);
      if (bits === -1) index = wordEnd;
      for (; index < wordEnd; index++) {
        if (!isSet(bits, index) && kinds[index] === presumed) kinds[index] = 0;
      }
    }
  }

  /** Whether all of `count` clusters from `first` on, a multiple of 8, have an owner and nothing else refers to them. */
  areOwnedOnce(first: number, count: number): boolean {
    const extra = this.#extra?.subarray(first, first + count);
    if (extra !== undefined && !isFilledWith(extra, 0)) return false;
    const whole = count - (count % 8);
    if (!isFilledWith(this.#bits(first, whole), 0xff)) return false;
    for (let index = first + whole; index < first + count; index++) if (!this.isOwned(index)) return false;
    return true;
  }

  /** Makes the kind of a cluster a worse one; its references stay as they are. */
  worsen(index: number, kind: number): void {
    const before = this.kinds[index] ?? 0;
    if (before >= kind) return;
    if (before === header && kind === badEntry) this.#badHeader.add(index);
    this.kinds[index] = kind;
  }

  /** The stored count of a cluster in use is wrong, which `kind` says from now on. */
  miscount(index: number, kind: number): void {
    this.#held ??= new Uint8Array(Math.ceil(this.kinds.length / 2));
    const at = index >>> 1;
    this.#held[at] = (this.#held[at] ?? 0) | ((this.kinds[index] ?? 0) << ((index & 1) * 4));
    this.kinds[index] = kind;
  }

  /** The kind of what a cluster holds, whether or not its stored count is right. */
  held(index: number): number {
    const kind = this.kinds[index] ?? 0;
    return miscounted.has(kind) ? ((this.#held?.[index >>> 1] ?? 0) >>> ((index & 1) * 4)) & 15 : kind;
  }

  /** Counted references, up to 255: that many or more. */
  references(index: number): number {
    const kind = this.held(index);
    if (unreferenced.has(kind) || (kind === badEntry && this.#badHeader.has(index))) return 0;
    return 1 + (this.#extra?.[index] ?? 0);
  }
}

const isSet = (word: number, index: number) => (word & (1 << (index & 31))) !== 0;

/** Word by word: pages see this file's types, so that there is no Buffer to compare with. */
function isFilledWith(bytes: Uint8Array, value: number): boolean {
  const aligned = bytes.byteOffset % 4 === 0 ? Math.floor(bytes.length / 4) : 0;
  const words = new Uint32Array(bytes.buffer, aligned === 0 ? 0 : bytes.byteOffset, aligned);
  const filled = value * 0x01010101;
  for (let at = 0; at < aligned; at++) if (words[at] !== filled) return false;
  for (let at = aligned * 4; at < bytes.length; at++) if (bytes[at] !== value) return false;
  return true;
}
