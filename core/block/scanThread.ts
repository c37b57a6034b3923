// A thread of a large image's map, and its program: it takes the next few tables of a list, as all of its kind do, and goes
// over them with the loop of scanCode.ts, which marks clusters in bits that are the thread's own. It does tables whose
// entries point to whole clusters or nowhere; what it marked for another one it takes back.
import { ProgramThread } from "../base/programThread.ts";
import { type WasmMemory, wasmMemory } from "../base/wasm.ts";
import { drainModule, nextOfNone, scanModule, stateAt, stateBytes } from "./scanCode.ts";
import { listBytes, type ScanBounds, type ScanShape, scanShape } from "./scanTable.ts";

/** Of a table: whether it was done, clusters that its entries point to, zero clusters, the first and the last cluster. */
export const answerWords = 5;

const pageBytes = 4096;

/** Tables of a file, all of one length. */
export interface TableKind {
  readonly fd: number;
  readonly tableBytes: number;
  readonly bounds: ScanBounds;
  /** The bits of an entry that count; all of its lower half. */
  readonly mask: bigint;
  readonly isBigEndian: boolean;
}

/** The first thing that a thread is told. */
interface Start extends Omit<TableKind, "bounds" | "mask"> {
  readonly memory: WasmMemory;
  readonly shape: ScanShape;
  readonly clusterSize: number;
  readonly highMask: number;
  /** One number: 1 while no thread is to take a table. */
  readonly hold: Int32Array;
  readonly scanModule: Uint8Array;
  readonly drainModule: Uint8Array;
}

/** A list of tables, which all threads get. */
export interface ScanOrder {
  readonly offsets: Float64Array;
  readonly answers: Uint32Array;
  /** One number: of the tables that some thread has taken. */
  readonly taken: Int32Array;
}

/** `isOver`: a cluster is referred to twice. */
export interface ScanAnswer {
  readonly isOver: boolean;
}

const program = `
const { readSync } = require("node:fs");
const { parentPort, workerData } = require("node:worker_threads");
const { memory, fd, tableBytes, isBigEndian, shape, clusterSize, highMask, hold } = workerData;
const [tableAt, tableEnd] = [${stateBytes}, ${stateBytes} + tableBytes];
const table = Buffer.from(memory.buffer, tableAt, tableBytes);
const view = new DataView(memory.buffer);
const fills = new Int32Array(memory.buffer, shape.fillsAt, shape.bands);
const isOdd = Symbol("odd");
let isOver = false;
let oddAt = 0;
const env = {
  memory,
  bad: (at) => { oddAt = at; throw isOdd; },
  again: () => { isOver = true; },
  full: drainBand,
};
const bound = (code) => new WebAssembly.Instance(new WebAssembly.Module(code), { env }).exports.run;
const scan = bound(workerData.scanModule);
const drain = bound(workerData.drainModule);

function drainBand(index) {
  const at = shape.listsAt + index * ${listBytes};
  const noted = fills[index];
  fills[index] = 0;
  drain(at, at + noted * 4, shape.bitsAt);
}

function drainAll() {
  for (let index = 0; index < fills.length; index++) drainBand(index);
}

function read(offset) {
  for (let done = 0; done < tableBytes;) {
    const got = readSync(fd, table, done, tableBytes - done, offset + done);
    if (got === 0) return false;
    done += got;
  }
  if (isBigEndian) table.swap64();
  return true;
}

/** The entries in front of the odd one point to whole clusters or nowhere. */
function takeBack() {
  drainAll();
  for (let at = tableAt; at < oddAt; at += 8) {
    const low = view.getUint32(at, true);
    const high = (view.getInt32(at + 4, true) & highMask) >>> 0;
    if (high === 0 && low <= 1) continue;
    const cluster = (high * 2 ** 32 + low) / clusterSize;
    const word = shape.bitsAt + (cluster >>> 5) * 4;
    view.setInt32(word, view.getInt32(word, true) & ~(1 << (cluster & 31)), true);
  }
}

/** Answers whether the table was odd. */
function goOver(index, { offsets, answers }) {
  if (!read(offsets[index])) return false;
  view.setBigInt64(${stateAt.next}, ${nextOfNone}n, true);
  view.setUint32(${stateAt.min}, 0xffffffff, true);
  view.setUint32(${stateAt.max}, 0, true);
  try {
    scan(tableAt, tableEnd, shape.bitsAt, shape.fillsAt, shape.listsAt, ...shape.limits);
  } catch (error) {
    if (error !== isOdd) throw error;
    takeBack();
    return true;
  }
  const at = index * ${answerWords};
  answers[at + 1] = tableBytes / 8 - view.getInt32(${stateAt.skipped}, true);
  answers[at + 2] = view.getUint32(${stateAt.zero}, true);
  answers[at + 3] = view.getUint32(${stateAt.min}, true);
  answers[at + 4] = view.getUint32(${stateAt.max}, true);
  answers[at] = 1;
  return false;
}

function goOverAll(list) {
  const { offsets: { length }, taken } = list;
  const atOnce = 16;
  let [done, odd] = [0, 0];
  for (;;) {
    while (Atomics.load(hold, 0) === 1) {
      // Who looks meanwhile is to see them.
      drainAll();
      Atomics.wait(hold, 0, 1);
    }
    const first = Atomics.add(taken, 0, atOnce);
    const end = Math.min(first + atOnce, length);
    if (first >= end) break;
    for (let index = first; index < end; index++, done++) {
      // What can't be read is told by the pass itself, which reads it as well.
      try { if (goOver(index, list)) odd++; } catch (error) { if (error.syscall !== "read") throw error; }
    }
    // To take back costs the order in which clusters are marked, band by band.
    if (isOver || (odd > 16 && odd * 128 > done)) Atomics.store(taken, 0, length);
  }
  drainAll();
}

parentPort.on("message", (list) => {
  goOverAll(list);
  parentPort.postMessage({ isOver });
});
`;

export class ScanThread extends ProgramThread<ScanOrder, ScanAnswer> {
  /** Clusters that tables gone over point to. */
  readonly bits: DataView<ArrayBuffer>;

  /** Throws RangeError when there is no room, and what starting a thread throws. */
  constructor({ fd, tableBytes, bounds, mask, isBigEndian }: TableKind, hold: Int32Array) {
    const shape = scanShape(bounds, tableBytes, mask);
    const memory = wasmMemory(shape.bytes, true);
    // Several threads that touch new memory at once take the system several times as long.
    const pages = new Uint8Array(memory.buffer);
    for (let at = shape.bitsAt; at < shape.bytes; at += pageBytes) pages[at] = 0;
    const start: Start = {
      ...{ fd, tableBytes, isBigEndian, memory, shape, hold },
      clusterSize: bounds.clusterSize,
      highMask: Number(BigInt.asIntN(32, mask >> 32n)),
      scanModule: scanModule(true, true),
      drainModule: drainModule(true),
    };
    super({ text: program, name: "blkscope:map" }, start);
    this.bits = new DataView(memory.buffer, shape.bitsAt, shape.bitsLength);
  }
}
