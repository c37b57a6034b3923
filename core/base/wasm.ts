// Writes small WebAssembly modules: one function, for loops that JavaScript is too slow for (64-bit integers, memory
// without a check of each access). Specification: WebAssembly Core, "Binary format". Code is a list of bytes, made of
// the instructions below; a mistake in it is found when the module is compiled.

/** Instructions, as nested as they are convenient to write. */
export type Code = number | readonly Code[];

/** Value types. */
export const i32 = 0x7f;
export const i64 = 0x7e;

const noResult = 0x40;

/** Unsigned, in groups of 7 bits, the lowest first. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) + 0x80, ...unsigned(Math.floor(value / 0x80))];
}

/** The same for signed numbers: the last group says the sign. */
function signed(value: number): number[] {
  const low = ((value % 0x80) + 0x80) % 0x80;
  const rest = Math.floor(value / 0x80);
  const isLast = (rest === 0 && low < 0x40) || (rest === -1 && low >= 0x40);
  return isLast ? [low] : [low + 0x80, ...signed(rest)];
}

/** Blocks: `br(0)` leaves a block and repeats a loop; larger numbers mean those around it. */
export const block = (...body: Code[]): Code => [0x02, noResult, body, 0x0b];
export const loop = (...body: Code[]): Code => [0x03, noResult, body, 0x0b];
/** Takes a condition off the stack. */
export const when = (...body: Code[]): Code => [0x04, noResult, body, 0x0b];
/** The same with another way. */
export const choose = (yes: Code, no: Code): Code => [0x04, noResult, yes, 0x05, no, 0x0b];
export const br = (depth: number): Code => [0x0c, unsigned(depth)];
export const brIf = (depth: number): Code => [0x0d, unsigned(depth)];
export const call = (index: number): Code => [0x10, unsigned(index)];
/** Parameters come first, then locals. */
export const get = (local: number): Code => [0x20, unsigned(local)];
export const set = (local: number): Code => [0x21, unsigned(local)];
export const tee = (local: number): Code => [0x22, unsigned(local)];
export const const32 = (value: number): Code => [0x41, signed(value)];
export const const64 = (value: number): Code => [0x42, signed(value)];

/** Loads and stores at the address on the stack; the first number is the alignment as a power of two. */
export const load32: Code = [0x28, 2, 0];
export const load64: Code = [0x29, 3, 0];
export const store32: Code = [0x36, 2, 0];
export const store64: Code = [0x37, 3, 0];
/** Unsigned numbers of fewer bits, as 32-bit ones. */
export const load8: Code = [0x2d, 0, 0];
export const load16: Code = [0x2f, 1, 0];
export const store8: Code = [0x3a, 0, 0];
export const store16: Code = [0x3b, 1, 0];
/** The same so many bytes behind the address, which may be any. */
export const load32At = (behind: number): Code => [0x28, 0, unsigned(behind)];
export const load64At = (behind: number): Code => [0x29, 0, unsigned(behind)];
export const store32At = (behind: number): Code => [0x36, 0, unsigned(behind)];
export const store64At = (behind: number): Code => [0x37, 0, unsigned(behind)];
/** Of two values and a condition above them on the stack: the first if it holds. */
export const select: Code = 0x1b;

export const op32 = {
  eqz: 0x45,
  eq: 0x46,
  ne: 0x47,
  ltU: 0x49,
  geU: 0x4f,
  add: 0x6a,
  sub: 0x6b,
  mul: 0x6c,
  and: 0x71,
  or: 0x72,
  shl: 0x74,
  shrU: 0x76,
};
export const op64 = {
  eqz: 0x50,
  eq: 0x51,
  ne: 0x52,
  leU: 0x58,
  geU: 0x5a,
  add: 0x7c,
  sub: 0x7d,
  and: 0x83,
  shl: 0x86,
  shrU: 0x88,
  rotr: 0x8a,
};
/** The low half of a 64-bit number. */
export const wrap = 0xa7;

export interface Signature {
  readonly params: readonly number[];
  readonly results: readonly number[];
}

export interface WasmFunction extends Signature {
  /** Types of the locals behind the parameters. */
  readonly locals: readonly number[];
  readonly body: Code;
}

/** What is used of the engine's own object, which the types of Node leave out. */
declare const WebAssembly: {
  Memory: new (options: { initial: number; maximum?: number; shared?: boolean }) => WasmMemory;
  Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
};

export interface WasmMemory {
  /** A SharedArrayBuffer where the memory is shared: views of both are used alike. */
  readonly buffer: ArrayBuffer;
}

const pageBytes = 65_536;
const mostPages = 65_536;

/**
 * At least so many bytes, all zero. Costs nothing where it is not touched. `isShared`: other threads can be given it, for
 * modules made for such memory. Throws RangeError when there is no room.
 */
export function wasmMemory(bytes: number, isShared = false): WasmMemory {
  const initial = Math.ceil(bytes / pageBytes);
  return new WebAssembly.Memory({ initial, ...(isShared && { maximum: initial, shared: true }) });
}

/** Compiles a module of `wasmModule` and binds it to its memory and imports. Answers its function. */
export function wasmFunction<F>(
  module: Uint8Array<ArrayBuffer>,
  memory: WasmMemory,
  imports: Readonly<Record<string, (...args: number[]) => unknown>>,
): F {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module), {
    env: { memory, ...imports },
  });
  return exports.run as F;
}

/**
 * The module: imports `env.memory` and the functions named, which are called by their place in the list; exports the
 * function as `run`. `isShared`: the memory is shared.
 */
export function wasmModule(
  imports: Readonly<Record<string, Signature>>,
  main: WasmFunction,
  isShared = false,
): Uint8Array<ArrayBuffer> {
  const named = Object.entries(imports);
  const types = [...named.map(([, signature]) => signature), main];
  const body = flat([unsigned(main.locals.length), main.locals.map((type) => [1, type]), main.body, 0x0b]);
  const bytes = flat([
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    section(1, [
      unsigned(types.length),
      types.map(({ params, results }) => [
        0x60,
        unsigned(params.length),
        params,
        unsigned(results.length),
        results,
      ]),
    ]),
    section(2, [
      unsigned(named.length + 1),
      [text("env"), text("memory"), 2, isShared ? [3, 0, unsigned(mostPages)] : [0, 0]],
      named.map(([name], index) => [text("env"), text(name), 0, unsigned(index)]),
    ]),
    section(3, [1, unsigned(named.length)]),
    section(7, [1, text("run"), 0, unsigned(named.length)]),
    section(10, [1, unsigned(body.length), body]),
  ]);
  return Uint8Array.from(bytes);
}

function section(id: number, content: Code): Code {
  const bytes = flat(content);
  return [id, unsigned(bytes.length), bytes];
}

function text(name: string): Code {
  const bytes = [...new TextEncoder().encode(name)];
  return [unsigned(bytes.length), bytes];
}

function flat(code: Code): number[] {
  return typeof code === "number" ? [code] : code.flatMap(flat);
}
