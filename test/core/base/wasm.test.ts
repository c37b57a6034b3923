// Small WebAssembly modules, run by the engine.
import { describe, expect, it } from "vitest";
import {
  block,
  br,
  brIf,
  call,
  choose,
  const32,
  const64,
  get,
  i32,
  i64,
  load32,
  loop,
  op32,
  op64,
  set,
  store32,
  wasmFunction,
  wasmMemory,
  wasmModule,
} from "../../../core/base/wasm.ts";

describe("a module", () => {
  it("has numbers of every length as they were given", () => {
    const memory = wasmMemory(1);
    for (const value of [0, 1, 63, 64, -1, -64, -65, 127, 128, 8191, 8192, -8193, 2 ** 31 - 1, -(2 ** 31)]) {
      const module = wasmModule({}, { params: [], results: [i32], locals: [], body: const32(value) });
      expect(wasmFunction<() => number>(module, memory, {})()).toBe(value);
    }
    for (const value of [0, -1, 2 ** 40, -(2 ** 40), Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
      const body = [get(0), const64(value), op64.add];
      const module = wasmModule({}, { params: [i64], results: [i64], locals: [], body });
      expect(wasmFunction<(by: bigint) => bigint>(module, memory, {})(2n)).toBe(BigInt(value) + 2n);
    }
  });

  it("loops, chooses, calls, and works in its memory", () => {
    const memory = wasmMemory(100_000);
    expect(memory.buffer.byteLength).toBe(2 * 65_536);
    // For each i below n: the odd ones are told, the others added to the word at 4.
    const [n, i] = [0, 1];
    const body = block(
      loop(
        [get(i), get(n), op32.geU, brIf(1)],
        [get(i), const32(1), op32.and],
        choose([get(i), call(0)], [const32(4), const32(4), load32, get(i), op32.add, store32]),
        [get(i), const32(1), op32.add, set(i)],
        br(0),
      ),
    );
    const module = wasmModule(
      { told: { params: [i32], results: [] } },
      { params: [i32], results: [], locals: [i32], body },
    );
    const told: number[] = [];
    wasmFunction<(n: number) => void>(module, memory, { told: (odd) => told.push(odd) })(8);
    expect(told).toEqual([1, 3, 5, 7]);
    expect(new DataView(memory.buffer).getInt32(4, true)).toBe(0 + 2 + 4 + 6);
  });

  it("is refused where its code makes no sense", () => {
    const module = wasmModule({}, { params: [], results: [i32], locals: [], body: const64(1) });
    expect(() => wasmFunction(module, wasmMemory(1), {})).toThrow(/type/);
  });
});
