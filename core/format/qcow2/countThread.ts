// A thread of a large image's check, and its program: it takes the next few tables of a list, as all of its kind do, reads
// them into memory that is its own, and goes over them with the loops of checkCode.ts. Counts lie in memory that all share.
import { ProgramThread } from "../../base/programThread.ts";
import { stateAt, sumMasks } from "./checkCode.ts";
import type { Addition, CountShare } from "./checkCounts.ts";

/** Of a table: bits, allocated clusters, fragmented ones. */
export const answerWords = 3;
export const bits = { done: 1, odd: 2, copied: 4, again: 8 } as const;

/** The first thing that a thread is told. */
export interface Start extends CountShare {
  readonly fd: number;
  readonly fileSize: number;
  readonly clusterSize: number;
}

/** A list of tables, which all threads get, or counts whose sum is wanted. */
export interface Order {
  readonly list?: {
    /** undefined: their flags are compared. */
    readonly addition: Addition | undefined;
    readonly offsets: Float64Array;
    readonly answers: Uint32Array;
    /** One number: of the tables that some thread has taken. */
    readonly taken: Int32Array;
  };
  /** Addresses. */
  readonly sum?: { readonly at: number; readonly end: number };
}

/** `isOver`: a count would have become too high. */
export interface Answer {
  readonly isOver: boolean;
  readonly sum: bigint;
}

/** A thread's program. */
const program = `
const { readSync } = require("node:fs");
const { parentPort, workerData } = require("node:worker_threads");
const { memory, fd, fileSize, clusterSize, tableAt, countsAt, limits } = workerData;
const table = Buffer.from(memory.buffer, tableAt, clusterSize);
const state = new DataView(memory.buffer, workerData.stateAt);
let [isOdd, isOver] = [false, false];
const env = { memory, odd: () => { isOdd = true; }, overflow: () => { isOver = true; } };
const bound = (code) => new WebAssembly.Instance(new WebAssembly.Module(code), { env }).exports.run;
const count = bound(workerData.countModule);
const compare = bound(workerData.compareModule);
const sumOf = bound(workerData.sumModule);

function read(offset) {
  const there = Math.max(0, Math.min(clusterSize, fileSize - offset));
  for (let done = 0; done < there;) {
    const got = readSync(fd, table, done, there - done, offset + done);
    if (got === 0) return false;
    done += got;
  }
  table.fill(0, there);
  table.swap64();
  return true;
}

function goOver(index, { offsets, answers, addition }) {
  isOdd = false;
  if (!read(offsets[index])) return;
  const tableEnd = tableAt + clusterSize;
  if (addition === undefined) {
    compare(tableAt, tableEnd, countsAt, ...limits);
    answers[index * ${answerWords}] = ${bits.done} + (isOdd ? ${bits.odd} : 0);
    return;
  }
  const { least, times, fourTimes } = addition;
  state.setBigInt64(${stateAt.next}, 0n, true);
  count(tableAt, tableEnd, countsAt, ...limits, BigInt(clusterSize), least, times, fourTimes);
  const isCopied = state.getInt32(${stateAt.flags + 4}, true) < 0;
  const isAgain = state.getUint32(${stateAt.again}, true) !== 0;
  answers[index * ${answerWords} + 1] = state.getUint32(${stateAt.allocated}, true);
  answers[index * ${answerWords} + 2] = state.getUint32(${stateAt.fragmented}, true);
  answers[index * ${answerWords}] = ${bits.done} + (isOdd ? ${bits.odd} : 0) +
    (isCopied ? ${bits.copied} : 0) + (isAgain ? ${bits.again} : 0);
}

function goOverAll(list) {
  const atOnce = 16;
  let [done, odd] = [0, 0];
  for (;;) {
    const first = Atomics.add(list.taken, 0, atOnce);
    const end = Math.min(first + atOnce, list.offsets.length);
    if (first >= end) return;
    for (let index = first; index < end; index++, done++) {
      // What can't be read is told by the check, which reads it as well.
      try { goOver(index, list); } catch (error) { if (error.syscall !== "read") throw error; }
      if (isOdd) odd++;
    }
    // Most would be gone over twice.
    if (isOver || (odd > 64 && odd * 4 > done)) Atomics.store(list.taken, 0, list.offsets.length);
  }
}

parentPort.on("message", ({ list, sum }) => {
  if (list) goOverAll(list);
  parentPort.postMessage({ isOver, sum: sum ? sumOf(sum.at, sum.end, ...workerData.sumMasks) : 0n });
});
`;

/** What an order is given to. */
export type CountThread = ProgramThread<Order, Answer>;

export function startCountThread(start: Start): CountThread {
  return new ProgramThread({ text: program, name: "blkscope:check" }, { ...start, sumMasks });
}
