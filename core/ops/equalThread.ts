// A thread that says whether bytes of files are equal, which most of two images' bytes are when they are compared. Its
// program is a text that needs nothing but Node: it is at work before a thread with our whole program has loaded it.
// Where bytes differ or can't be read, the comparison itself looks again.
import { statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Port } from "../jobs/contract.ts";
import { portOfWorker } from "../jobs/port.ts";
import { blockBytes, isNextEqual } from "./equalBytes.ts";
import { pieceNumbers } from "./filePieces.ts";
import type { HelperKind } from "./helper.ts";
import { bytesToRead, type WorkItem } from "./plan.ts";
import type { ItemResult } from "./scan.ts";

const program = `
const { readSync } = require("node:fs");
const { parentPort } = require("node:worker_threads");
const isNextEqual = ${isNextEqual};
// It begins where a page does, as pageAligned.ts has it.
const { buffer } = new WebAssembly.Memory({ initial: ${(2 * blockBytes) / 65536} });
const [a, b] = [Buffer.from(buffer, 0, ${blockBytes}), Buffer.from(buffer, ${blockBytes})];
let claims;
let stopped;

function areEqual(pieces) {
  const position = [0, 0];
  while (position[0] < pieces.length) {
    if (!isNextEqual(readSync, pieces, position, a, b, ${pieceNumbers})) return false;
    if (Atomics.load(stopped, 0) === 1) return false;
  }
  return true;
}

function scan({ index, pieces, ifEqual }) {
  if (Atomics.compareExchange(claims, index % claims.length, index + 1, 0) !== index + 1) return;
  let isEqual = false;
  // What can't be read is told by who scans the item again.
  try { isEqual = areEqual(pieces); } catch (error) { if (error.syscall !== "read") throw error; }
  parentPort.postMessage({ kind: "result", index, result: isEqual ? ifEqual : undefined });
}

parentPort.on("message", (message) => {
  if (message.kind === "open") ({ claims, stopped } = message);
  if (message.kind === "scan") scan(message);
});
`;

export const equalHelper: HelperKind = {
  isPlain: true,
  opening: {},
  order: (item) => item.inFiles && { pieces: item.inFiles, ifEqual: resultIfEqual(item) },
};

/** What scanning the item yields if its two sides are equal. */
export function resultIfEqual(item: WorkItem): ItemResult {
  const { start, end } = item;
  const none = { rows: undefined, head: undefined, tail: undefined };
  return { start, end, ...none, unreadable: [], bytesRead: bytesToRead(item) };
}

/** Bytes in files for which a comparison surely wants its second thread. */
const surelyLarge = 512 * 1024 * 1024;
let early: Port | undefined;

/**
 * Says which files a command is going to compare. If they are large, the thread is started now, to be ready when the
 * command has loaded its code and opened them; the next `startEqualThread` answers it.
 */
export function announceComparison(files: readonly string[]): void {
  if (early !== undefined) return;
  const bytes = files.reduce((sum, file) => sum + allocatedBytes(file), 0);
  if (bytes >= surelyLarge) early = startEqualThread();
}

function allocatedBytes(file: string): number {
  try {
    // In units of 512 bytes on every system that has it.
    return statSync(file).blocks * 512;
  } catch {
    // What is no file is for the command to complain about.
    return 0;
  }
}

/** undefined on a machine with one core, where it would only cost. */
export function startEqualThread(): Port | undefined {
  if (availableParallelism() < 2) return undefined;
  const port = early ?? portOfWorker(new Worker(program, { eval: true, name: "blkscope:equal" }));
  early = undefined;
  return port;
}
