// The hot loops of a check as WebAssembly (core/base/wasm.ts): one counts what the entries of an L2 table refer to, the
// other compares their COPIED flags with the refcounts. Entries have been made little-endian before. In JavaScript:
//
//   for (; at < end; at += step) {
//     entry = load64(at)
//     if (entry <= 1) continue                                   // unallocated, or reads as zeroes
//     offset = entry & ~(COPIED | zero flag)
//     number = rotateRight(offset, clusterBits)                   // no small number unless nothing else is set
//     if (number - 1 >= limit) odd(at)
//     else {
//       allocated++
//       if (next !== 0 && offset !== next) fragmented++
//       next = offset + clusterSize
//       again |= counts[number]; flags &= entry
//       if (counts[number] < least) counts[number] += times; else overflow(number)
//       while (the next four entries are for its neighbours, and those are not counted yet) count four of them
//     }                                                           // or: if ((counts[number] === 1) !== COPIED) odd(at)
//   }
//
// Extended entries are as ordinary where no subcluster is both allocated and zero; the clusters of an external data file
// are not counted, and taken for referred to once.
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
  load8,
  load16,
  load32,
  load32At,
  load64,
  load64At,
  loop,
  op32,
  op64,
  set,
  store8,
  store16,
  store32,
  store32At,
  store64,
  store64At,
  tee,
  wasmModule,
  when,
  wrap,
} from "../../base/wasm.ts";

/** Where, behind its shape's `state`, the loop keeps what goes on from piece to piece. The counts are those of the last. */
export const stateAt = { next: 0, allocated: 8, fragmented: 12, again: 16, flags: 24 } as const;
export const stateBytes = 32;

export interface LoopShape {
  /** Bytes of an entry. */
  readonly entryLength: 8 | 16;
  /** Bytes of a count. */
  readonly width: 1 | 2 | 4;
  readonly isExternal: boolean;
  /** Address of `stateBytes` of memory, and whether that memory is shared. */
  readonly state: number;
  readonly isShared: boolean;
}

/**
 * `at`, `end`, `counts`: addresses in memory. `rest`: all bits of an entry but COPIED and the zero flag; `limit`: the
 * highest number of a cluster that entries may refer to. `least`: the smallest count to which `times` can't be added;
 * `fourTimes`: the bytes of counts of `times`, four where they have 1 or 2 bytes, two where they have 4.
 */
export type CountEntries = (
  at: number,
  end: number,
  counts: number,
  rest: bigint,
  clusterBits: bigint,
  limit: bigint,
  clusterSize: bigint,
  least: number,
  times: number,
  fourTimes: bigint,
) => void;

export type CompareFlags = (
  at: number,
  end: number,
  counts: number,
  rest: bigint,
  clusterBits: bigint,
  limit: bigint,
) => void;

/**
 * The sum of the counts from one address to the next, multiples of 8. `masks`: every other byte, every other pair of bytes,
 * the low half.
 */
export type SumCounts = (at: number, end: number, ...masks: SumMasks) => bigint;
export type SumMasks = readonly [bytes: bigint, pairs: bigint, half: bigint];
export const sumMasks: SumMasks = [0x00ff00ff00ff00ffn, 0x0000ffff0000ffffn, 0xffffffffn];

const loads = { 1: load8, 2: load16, 4: load32 } as const;
const stores = { 1: store8, 2: store16, 4: store32 } as const;

const [at, end, counts, rest, clusterBits, limit] = [0, 1, 2, 3, 4, 5] as const;
const [clusterSize, least, times, fourTimes] = [6, 7, 8, 9] as const;
const imports = { odd: 0, overflow: 1 } as const;

const increment = (local: number, by = 1): Code => [get(local), const32(by), op32.add, set(local)];

/** `entry`, `offset` and `number` of the entry at `at`, which goes on to the next one. Ends the outer block at the end. */
const nextEntry = (entryLength: number, entry: number, offset: number, number: number): Code => [
  [get(at), get(end), op32.geU, brIf(1)],
  [get(at), load64, tee(entry), get(rest), op64.and, tee(offset), get(clusterBits), op64.rotr, set(number)],
  increment(at, entryLength),
];

/** The address of the entry that `at` has gone on from. */
const entryAt = (entryLength: number): Code => [get(at), const32(entryLength), op32.sub];
const isOutside = (number: number): Code => [[get(number), const64(1), op64.sub, get(limit), op64.geU]];
/** The address of the count of a cluster. */
const countAt = (width: number, number: number): Code => [
  [get(number), wrap, const32(width), op32.mul, get(counts), op32.add],
];

/**
 * Behind an entry: neighbours of its cluster in the next four entries, as long as nothing else refers to any of them.
 * Most images are written in order, and most clusters are referred to once.
 */
function countFours(
  width: LoopShape["width"],
  local: Record<"entry" | "number" | "next" | "allocated" | "address", number>,
): Code {
  const { entry, number, next, allocated, address } = local;
  const follow: Code = [get(entry), get(clusterSize), op64.add, tee(entry)];
  const isOther = (index: number): Code => [get(at), load64At(index * 8), follow, op64.ne, brIf(1)];
  const isCounted = (behind: number): Code => [get(address), load64At(behind), op64.eqz, op32.eqz, brIf(1)];
  const store = (behind: number): Code => [get(address), get(fourTimes), store64At(behind)];
  const counts: Code =
    width === 1
      ? [
          [get(address), load32At(width), brIf(1)],
          [get(address), get(fourTimes), wrap, store32At(width)],
        ]
      : width === 2
        ? [isCounted(width), store(width)]
        : [isCounted(width), isCounted(width + 8), store(width), store(width + 8)];
  return block(
    loop(
      [get(end), get(at), op32.sub, const32(32), op32.ltU, brIf(1)],
      [get(limit), get(number), op64.sub, const64(3), op64.leU, brIf(1)],
      [0, 1, 2, 3].map(isOther),
      counts,
      [increment(at, 32), increment(allocated, 4), increment(address, 4 * width)],
      [get(number), const64(4), op64.add, set(number)],
      [get(next), get(clusterSize), const64(2), op64.shl, op64.add, set(next)],
      br(0),
    ),
  );
}

function countBody({ entryLength, width, isExternal, state }: LoopShape): Code {
  const [entry, offset, number, next, bitmap, flags] = [10, 11, 12, 13, 14, 15] as const;
  const [allocated, fragmented, address, count, again] = [16, 17, 18, 19, 20] as const;
  const loadBitmap: Code = [get(at), const32(8), op32.sub, load64, set(bitmap)];
  const tellOdd: Code = [
    [const32(state + stateAt.next), get(next), store64],
    [entryAt(entryLength), call(imports.odd)],
    [const32(state + stateAt.next), load64, set(next)],
  ];
  const countOne: Code = [
    [countAt(width, number), tee(address), loads[width], tee(count)],
    [get(again), op32.or, set(again)],
    [get(count), get(least), op32.geU],
    choose(
      [get(number), wrap, call(imports.overflow)],
      [
        [get(address), get(count), get(times), op32.add, stores[width]],
        entryLength === 8 ? countFours(width, { entry, number, next, allocated, address }) : [],
      ],
    ),
  ];
  // Allocated subclusters are in the low half of the bitmap, those that read as zeroes in the high one.
  const contradicts: Code = [get(bitmap), get(bitmap), const64(32), op64.shrU, op64.and, wrap];
  const isEmpty: Code =
    entryLength === 8
      ? [get(entry), const64(1), op64.leU]
      : [get(isExternal ? entry : offset), op64.eqz, get(bitmap), wrap, op32.eqz, op32.and];
  return [
    [const32(state + stateAt.next), load64, set(next), const64(-1), set(flags)],
    block(
      loop(
        nextEntry(entryLength, entry, offset, number),
        entryLength === 16 ? loadBitmap : [],
        [isEmpty, brIf(0)],
        isOutside(number),
        entryLength === 16 ? [contradicts, op32.or] : [],
        when(tellOdd, br(1)),
        increment(allocated),
        [get(next), op64.eqz, op32.eqz, get(next), get(offset), op64.ne, op32.and],
        [get(fragmented), op32.add, set(fragmented)],
        [get(offset), get(clusterSize), op64.add, set(next)],
        [get(flags), get(entry), op64.and, set(flags)],
        isExternal ? [] : countOne,
        br(0),
      ),
    ),
    [const32(state + stateAt.next), get(next), store64],
    [const32(state + stateAt.allocated), get(allocated), store32],
    [const32(state + stateAt.fragmented), get(fragmented), store32],
    [const32(state + stateAt.again), get(again), store32],
    [const32(state + stateAt.flags), get(flags), store64],
  ];
}

function compareBody({ entryLength, width, isExternal }: LoopShape): Code {
  const [entry, offset, number] = [6, 7, 8] as const;
  const isOnce: Code = isExternal ? const32(1) : [countAt(width, number), loads[width], const32(1), op32.eq];
  const tellOdd: Code = [entryAt(entryLength), call(imports.odd)];
  return block(
    loop(
      nextEntry(entryLength, entry, offset, number),
      [get(entry), const64(1), op64.leU, brIf(0)],
      [isOutside(number), when(tellOdd, br(1))],
      [isOnce, get(entry), const64(63), op64.shrU, wrap, op32.ne, when(tellOdd)],
      br(0),
    ),
  );
}

/** Neighbouring counts are added within 64 bits, until there is one. */
function sumBody({ width }: LoopShape): Code {
  const [bytes, pairs, half, word, sum] = [2, 3, 4, 5, 6] as const;
  const addNeighbours = (bits: number, mask: number): Code => [
    [get(word), get(mask), op64.and],
    [get(word), const64(bits), op64.shrU, get(mask), op64.and, op64.add, set(word)],
  ];
  const loopBody: Code = [
    [get(at), get(end), op32.geU, brIf(1)],
    [get(at), load64, set(word)],
    width === 1 ? addNeighbours(8, bytes) : [],
    width <= 2 ? addNeighbours(16, pairs) : [],
    addNeighbours(32, half),
    [get(sum), get(word), op64.add, set(sum)],
    increment(at, 8),
    br(0),
  ];
  return [block(loop(loopBody)), get(sum)];
}

/** `odd` hears the address of an entry, `overflow` the number of a cluster. */
const heard = {
  odd: { params: [i32], results: [] },
  overflow: { params: [i32], results: [] },
};

export const countModule = (shape: LoopShape): Uint8Array<ArrayBuffer> =>
  wasmModule(
    heard,
    {
      params: [i32, i32, i32, i64, i64, i64, i64, i32, i32, i64],
      results: [],
      locals: [i64, i64, i64, i64, i64, i64, i32, i32, i32, i32, i32],
      body: countBody(shape),
    },
    shape.isShared,
  );

export const compareModule = (shape: LoopShape): Uint8Array<ArrayBuffer> =>
  wasmModule(
    heard,
    {
      params: [i32, i32, i32, i64, i64, i64],
      results: [],
      locals: [i64, i64, i64],
      body: compareBody(shape),
    },
    shape.isShared,
  );

export const sumModule = (shape: LoopShape): Uint8Array<ArrayBuffer> =>
  wasmModule(
    {},
    {
      params: [i32, i32, i64, i64, i64],
      results: [i64],
      locals: [i64, i64],
      body: sumBody(shape),
    },
    shape.isShared,
  );
