// What the bench of logs times within one process: reading a log into its index, opening states of it, reading them, and
// asking who wrote a place. Bundled and run by log.mjs: node logWork.mjs LOG; answers JSON.
import * as fs from "node:fs";
import { openGraph } from "../../core/graph.ts";
import { historyOf } from "../../core/writelog/history.ts";
import { indexLog } from "../../core/writelog/index.ts";
import { buildIntervals } from "../../core/writelog/intervalsBuild.ts";
import { tablesOf } from "../../core/writelog/stateCache.ts";
import { numbers } from "./logFiles.mjs";

export interface LogTimes {
  readonly entries: number;
  /** Milliseconds of all headers read one by one, of the index, and of what states are shown by. */
  readonly headers: number;
  readonly index: number;
  readonly prepare: number;
  /** Of opening a state and reading its first 64 KiB, at several moments. */
  readonly opens: readonly number[];
  /** Bytes a second of reads of 64 KiB anywhere, of the disk at the log's end. */
  readonly readSpeed: number;
  /** Milliseconds for a page of the history of a sector, at several places. */
  readonly histories: readonly number[];
}

const pageLength = 64 * 1024;
const reads = 4000;
const [, , filename = ""] = process.argv;

const headers = plainHeaders(filename);
const graph = await openGraph({ driver: "file", filename }, { readOnly: true });
let start = performance.now();
const index = await indexLog(graph.root);
const indexed = performance.now() - start;
start = performance.now();
await buildIntervals(index);
const prepare = performance.now() - start;
await tablesOf({ node: graph.root, reopen: async () => undefined });

const opens: number[] = [];
for (const part of [0.5, 0, 0.001, 0.25, 0.75, 0.999, 1]) {
  start = performance.now();
  const state = await openState(Math.floor(part * index.count));
  await state.root.read(0, new Uint8Array(pageLength));
  opens.push(performance.now() - start);
  await state.close();
}

const state = await openState(index.count);
const below = numbers(3);
const page = new Uint8Array(pageLength);
const readSome = async (count: number) => {
  for (let i = 0; i < count; i++)
    await state.root.read(512 * below((state.root.size - pageLength) / 512), page);
};
await readSome(reads / 4);
start = performance.now();
await readSome(reads);
const readSpeed = (reads * pageLength * 1000) / (performance.now() - start);
await state.close();

const histories: number[] = [];
for (let i = 0; i < 5; i++) {
  start = performance.now();
  await historyOf(index, 4096 * below(index.diskEnd / 4096), 512);
  histories.push(performance.now() - start);
}
await graph.close();
const times: LogTimes = {
  entries: index.count,
  headers,
  index: indexed,
  prepare,
  opens,
  readSpeed,
  histories,
};
console.log(JSON.stringify(times));

function openState(entry: number) {
  return openGraph({ driver: "logstate", log: { driver: "file", filename }, entry }, { readOnly: true });
}

/** As a program in a few lines does it: a read for each header, which says where the next one is. */
function plainHeaders(file: string): number {
  const began = performance.now();
  const fd = fs.openSync(file, "r");
  const header = Buffer.alloc(32);
  fs.readSync(fd, header, 0, 32, 0);
  const count = header.readUInt32LE(16);
  for (let entry = 0, at = 512; entry < count; entry++) {
    fs.readSync(fd, header, 0, 32, at);
    const hasData = (header.readUInt32LE(16) & 4) === 0;
    at += 512 + (hasData ? header.readUInt32LE(8) * 512 : 0);
  }
  fs.closeSync(fd);
  return performance.now() - began;
}
