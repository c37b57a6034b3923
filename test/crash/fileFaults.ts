// Stands between a program and its file system: sees every call that changes a file, and makes the program die in the
// middle of one, or the call fail. Dying is SIGKILL in a process of its own, or in the test's process an exception
// after which nothing reaches a file any more, which leaves the same files behind.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const changing = [
  "writeFileSync",
  "writeSync",
  "ftruncateSync",
  "fdatasyncSync",
  "fsyncSync",
  "linkSync",
  "renameSync",
  "rmSync",
] as const;

/** One call that changes a file. */
export interface ChangingCall {
  /** From 0, over all files. */
  readonly number: number;
  readonly name: (typeof changing)[number];
  /** Of a write; undefined for all others. */
  readonly bytes?: Uint8Array;
  /** Of a write or a change of length. */
  readonly offset?: number;
}

/** die: after so many bytes of a write, or before any other call. throw: the call does nothing and fails. */
export type Fault =
  | { readonly kind: "die"; readonly bytes: number }
  | { readonly kind: "throw"; readonly code: string };

export class Killed extends Error {}

type AnyCall = (...args: never[]) => unknown;
const table = fs as unknown as Record<string, AnyCall>;

export interface FaultOptions {
  /** What to do at a call. */
  fault(call: ChangingCall): Fault | undefined;
  /** Ends the process; left out: an exception, and all later calls fail as well. */
  die?: () => void;
  /** Syncs are seen but not done: nothing here asks what a power cut leaves. Default false. */
  readonly skipSyncs?: boolean;
}

/** Gives the function that takes it away again. */
export function watchFiles({ fault, die, skipSyncs = false }: FaultOptions): () => void {
  const originals = new Map(changing.map((name) => [name, table[name] as AnyCall]));
  let number = 0;
  let dead = false;
  for (const name of changing) {
    const original = originals.get(name) as (...args: unknown[]) => unknown;
    table[name] = ((...args: unknown[]) => {
      // What the program prints is no change of a file.
      if (name === "writeSync" && Number(args[0]) <= 2) return original(...args);
      if (dead) throw new Killed("dead already");
      const call = describe(number++, name, args);
      const asked = fault(call);
      if (asked?.kind === "throw") throw systemFailure(asked.code, name);
      if (asked?.kind === "die") {
        const done = Math.min(asked.bytes, call.bytes?.length ?? 0);
        if (done > 0) original(args[0], args[1], args[2], done, args[4]);
        dead = true;
        die?.();
        throw new Killed(`at call ${call.number}, ${name}`);
      }
      if (skipSyncs && (name === "fdatasyncSync" || name === "fsyncSync")) return undefined;
      return original(...args);
    }) as AnyCall;
  }
  syncBuiltinESMExports();
  return () => {
    for (const [name, original] of originals) table[name] = original;
    syncBuiltinESMExports();
  };
}

function describe(number: number, name: ChangingCall["name"], args: readonly unknown[]): ChangingCall {
  if (name === "ftruncateSync") return { number, name, offset: Number(args[1]) };
  if (name !== "writeSync") return { number, name };
  const [, buffer, from, length, offset] = args as [number, Uint8Array, number, number, number];
  return { number, name, offset, bytes: buffer.subarray(from, from + length) };
}

function systemFailure(code: string, call: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected, ${call}`), { code, syscall: call.replace("Sync", "") });
}
