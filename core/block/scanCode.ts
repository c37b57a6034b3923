// The hot loop of a pass over L2 tables as WebAssembly (core/base/wasm.ts): 64-bit entries, several times faster than
// JavaScript is with halves of them. In JavaScript, with `next` kept from piece to piece:
//
//   for (; at < end; at += 8) {
//     entry = load64(at)                                          // & mask, where a flag is no part of the offset
//     number = rotateRight(entry - dataStart, clusterBits)        // no small number unless the entry is aligned
//     if (number >= clusters && entry <= 1) { skipped++; zero += entry; continue }    // unallocated, zero cluster
//     if (entry !== next) fragmented++
//     next = entry + clusterSize
//     if (number >= clusters) bad(at)
//     else if (the next entry is `next`) count such ones as far as the file reaches, and mark them word by word
//     else if (it is in the band of the single cluster before it) mark one       // `again` where a bit is set already
//     else note its number in the list of its band, and tell when that is `full`
//   }
//
// The bits of a vast file fit in no cache, and clusters in no order would wait for memory at each entry: those of a band
// are marked together. With `spans` it also keeps the first and the last cluster marked, and counts zero clusters.
import {
  block,
  br,
  brIf,
  type Code,
  call,
  choose,
  const32,
  const64,
  get,
  i32,
  i64,
  load32,
  load64,
  loop,
  op32,
  op64,
  select,
  set,
  store32,
  store64,
  tee,
  wasmModule,
  when,
  wrap,
} from "../base/wasm.ts";

/** Where in memory the loop keeps what goes on from piece to piece. The counts are those of the last piece. */
export const stateAt = { next: 0, skipped: 8, fragmented: 12, min: 16, max: 20, zero: 24 } as const;
export const stateBytes = 32;
/** Clusters of a band, whose bits are 128 KiB, and how many of them are noted before they are marked; powers of two. */
export const band = { clusterBits: 20, roomBits: 14 } as const;
const roomBytesBits = band.roomBits + 2;
/** No entry that counts follows it: zero clusters are skipped. */
export const nextOfNone = 1n;

/**
 * `at`, `end`: addresses in memory of the piece; `bits`: that of the bits of clusters; `fills`: of a 32-bit number a band,
 * how many are noted, and `lists`: of room for the numbers. `first`: the first cluster that an entry may point to,
 * `dataStart` its offset in the file; `clusters`: how many of them there are. `mask`: bits of an entry that count.
 */
export type ScanEntries = (
  at: number,
  end: number,
  bits: number,
  fills: number,
  lists: number,
  first: number,
  clusterSize: bigint,
  clusterBits: bigint,
  dataStart: bigint,
  clusters: bigint,
  fileEnd: bigint,
  mask: bigint,
) => void;

/** Marks the clusters whose numbers are at [at, end). */
export type DrainBand = (at: number, end: number, bits: number) => void;

const [at, end, bits] = [0, 1, 2] as const;
const [fills, lists, first, clusterSize, clusterBits, dataStart, clusters, fileEnd, wanted] = [
  3, 4, 5, 6, 7, 8, 9, 10, 11,
] as const;
const [entry, next, number] = [12, 13, 14] as const;
const [skipped, fragmented, count, index, room, take, mask, word, old] = [
  15, 16, 17, 18, 19, 20, 21, 22, 23,
] as const;
const [min, max, last, zero, bandOf, lastBand, slot, fill] = [24, 25, 26, 27, 28, 29, 30, 31] as const;
const imports = { bad: 0, again: 1, full: 2 } as const;

const loadEntry: Code = [get(at), load64, get(wanted), op64.and];
const increment = (local: number, by = 1): Code => [get(local), const32(by), op32.add, set(local)];

const countFragment: Code = [
  [get(fragmented), get(entry), get(next), op64.ne, op32.add, set(fragmented)],
  [get(entry), get(clusterSize), op64.add, set(next)],
];

/** The neighbours of an entry whose next one is its neighbour in the file. What lies behind the piece may look like one. */
const countRun: Code = [
  [const32(1), set(count)],
  block(
    loop(
      [get(at), get(end), op32.geU, brIf(1)],
      [loadEntry, get(next), op64.ne, brIf(1)],
      [get(next), get(fileEnd), op64.geU, brIf(1)],
      increment(at, 8),
      increment(count),
      [get(next), get(clusterSize), op64.add, set(next)],
      br(0),
    ),
  ),
];

interface Marking {
  readonly index: number;
  readonly mask: number;
  readonly word: number;
  readonly old: number;
  /** The number of the import. */
  readonly again: number;
}

/** Sets the bits of `mask` in the word of `index`, or tells of `marked` clusters when one of them is set. */
const setBits = (marked: Code, { index, mask, word, old, again }: Marking): Code => [
  [get(bits), get(index), const32(5), op32.shrU, const32(2), op32.shl, op32.add],
  [tee(word), load32, tee(old), get(mask), op32.and],
  choose([get(index), marked, call(again)], [get(word), get(old), get(mask), op32.or, store32]),
];

/** Shifts take the lowest 5 bits of a number. */
const markOne = (marking: Marking): Code => [
  [const32(1), get(marking.index), op32.shl, set(marking.mask)],
  setBits(const32(1), marking),
];

const marking: Marking = { index, mask, word, old, again: imports.again };

/** One behind the other in a band are near each other; what goes to another band is noted there. */
const markOrNote: Code = [
  [get(index), const32(band.clusterBits), op32.shrU, tee(bandOf), get(lastBand), op32.eq],
  choose(markOne(marking), [
    [get(fills), get(bandOf), tee(lastBand), const32(2), op32.shl, op32.add, tee(slot), load32, set(fill)],
    [get(lists), get(bandOf), const32(roomBytesBits), op32.shl, op32.add],
    [get(fill), const32(2), op32.shl, op32.add, get(index), store32],
    [get(slot), get(fill), const32(1), op32.add, tee(fill), store32],
    [get(fill), const32(2 ** band.roomBits), op32.eq, when(get(bandOf), call(imports.full))],
  ]),
];

/** Marks `count` clusters from `index` on, up to 32 at a time. */
const markRun: Code = loop(
  [const32(32), get(index), const32(31), op32.and, op32.sub, set(room)],
  [get(count), get(room), get(count), get(room), op32.ltU, select, set(take)],
  [const32(-1), const32(32), get(take), op32.sub, op32.shrU, get(index), op32.shl, set(mask)],
  setBits(get(take), marking),
  [get(index), get(take), op32.add, set(index)],
  [get(count), get(take), op32.sub, tee(count), brIf(0)],
);

/** `last` is set for a run; a single cluster is its own. */
const widenSpan = (end: number): Code => [
  [get(index), get(min), get(index), get(min), op32.ltU, select, set(min)],
  [get(max), get(end), get(end), get(max), op32.ltU, select, set(max)],
];
const widenSpanByRun: Code = [
  [get(index), get(count), op32.add, const32(1), op32.sub, set(last)],
  widenSpan(last),
];

const bodyOf = (spans: boolean): Code => [
  [const32(stateAt.next), load64, set(next)],
  spans ? [const32(stateAt.min), load32, set(min), const32(stateAt.max), load32, set(max)] : [],
  block(
    loop(
      [get(at), get(end), op32.geU, brIf(1)],
      [loadEntry, set(entry), increment(at, 8)],
      [get(entry), get(dataStart), op64.sub, get(clusterBits), op64.rotr, tee(number)],
      [get(clusters), op64.geU],
      when(
        [get(entry), const64(1), op64.leU],
        when(increment(skipped), spans ? [get(zero), get(entry), wrap, op32.add, set(zero)] : [], br(2)),
        countFragment,
        [get(at), const32(8), op32.sub, call(imports.bad)],
        br(1),
      ),
      countFragment,
      [get(number), wrap, get(first), op32.add, set(index)],
      [loadEntry, get(next), op64.eq],
      choose([countRun, spans ? widenSpanByRun : [], markRun], [spans ? widenSpan(index) : [], markOrNote]),
      br(0),
    ),
  ),
  [const32(stateAt.next), get(next), store64],
  [const32(stateAt.skipped), get(skipped), store32, const32(stateAt.fragmented), get(fragmented), store32],
  spans ? [const32(stateAt.min), get(min), store32, const32(stateAt.max), get(max), store32] : [],
  spans ? [const32(stateAt.zero), get(zero), store32] : [],
];

/** The address of the first entry from `at` on, before `end`, that is `value`; `end` when none is. */
export type FindEntry = (at: number, end: number, value: bigint) => number;

export const findModule = (): Uint8Array<ArrayBuffer> => {
  const value = 2;
  const body: Code = [
    block(
      loop(
        [get(at), get(end), op32.geU, brIf(1)],
        [get(at), load64, get(value), op64.eq, brIf(1)],
        increment(at, 8),
        br(0),
      ),
    ),
    get(at),
  ];
  return wasmModule({}, { params: [i32, i32, i64], results: [i32], locals: [], body });
};

/**
 * `bad` hears the address of an entry, `again` the first cluster and the number of up to 32, one of them marked already;
 * `full` the number of a band whose list has to be drained at once. `isShared`: as the memory is.
 */
export const scanModule = (spans: boolean, isShared = false): Uint8Array<ArrayBuffer> =>
  wasmModule(
    {
      bad: { params: [i32], results: [] },
      again: { params: [i32, i32], results: [] },
      full: { params: [i32], results: [] },
    },
    {
      params: [i32, i32, i32, i32, i32, i32, i64, i64, i64, i64, i64, i64],
      results: [],
      locals: [i64, i64, i64, ...Array.from({ length: fill - skipped + 1 }, () => i32)],
      body: bodyOf(spans),
    },
    isShared,
  );

export const drainModule = (isShared = false): Uint8Array<ArrayBuffer> => {
  const [index, mask, word, old] = [3, 4, 5, 6] as const;
  const body = block(
    loop(
      [get(at), get(end), op32.geU, brIf(1)],
      [get(at), load32, set(index), increment(at, 4)],
      markOne({ index, mask, word, old, again: 0 }),
      br(0),
    ),
  );
  return wasmModule(
    { again: { params: [i32, i32], results: [] } },
    { params: [i32, i32, i32], results: [], locals: [i32, i32, i32, i32], body },
    isShared,
  );
};
