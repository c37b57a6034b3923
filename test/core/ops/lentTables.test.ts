// What the thread with a log's index lends to the other threads of the app. That it is used shows in entries behind damage:
// the thread was told how long the disk is, and leaves out one that lies past it; whoever reads the log anew takes that.
import * as fs from "node:fs";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startJob, startThread } from "../../../core/jobs/client.ts";
import { SessionClient } from "../../../core/jobs/sessionClient.ts";
import { filled } from "../../build/open.ts";
import { type GivenEntry, makeLog } from "../../build/randomLog.ts";
import { tempFile } from "../../build/temp.ts";
import { buildThreads } from "../../build/threads.ts";

beforeAll(buildThreads);

const write = (sector: number, value: number): GivenEntry => ({ sector, payload: filled(512, value) });

/**
 * Entry 1 can't be read; those behind are recovered. For who knows that the disk has 4096 bytes the first of them, as entry
 * 1, is the one that writes 3s to sector 2, else the one before.
 */
function damagedLog(): string {
  const { bytes } = makeLog(
    512,
    [0, 1, 1_000_000, 2, 4, 5].map((sector) => write(sector, sector === 2 ? 3 : 9)),
  );
  // The superblock, then a header and a sector for each entry.
  bytes.fill(0xee, 3 * 512, 3 * 512 + 32);
  const file = tempFile("a.log", bytes);
  // Files that have just changed may change again: states of such a log are always read anew.
  const past = new Date(Date.now() - 60_000);
  fs.utimesSync(file, past, past);
  return file;
}

/** Reads the log in a thread of its own, and draws it. */
async function readLog(filename: string) {
  let told: () => void = () => undefined;
  const summary = new Promise<void>((resolve) => {
    told = resolve;
  });
  const job = startJob(
    "logIndex",
    { spec: { driver: "raw", file: { driver: "file", filename } } },
    { progress: () => undefined, items: () => told() },
    startThread("blkscope:job"),
  );
  onTestFinished(() => job.cancel());
  await summary;
  // The second time it finds that this was all: only then is it lent.
  for (let time = 0; time < 2; time++) await job.ask("recover", { diskSize: 4096 });
  const edges = Float64Array.of(0, 4096);
  await job.ask("bins", { filter: "", firstEntry: 0, endEntry: 2, columns: 2, edges });
  return job;
}

function session(): SessionClient {
  const client = new SessionClient(() => undefined);
  onTestFinished(() => client.close());
  return client;
}

/** The state's bytes of sector 2 after entry 1. */
async function sectorTwo(client: SessionClient, filename: string): Promise<number> {
  const spec = { driver: "logstate", log: { driver: "file", filename }, entry: 2, recover: true };
  const { image } = await client.call("open", { spec });
  const { bytes } = await client.call("read", { image, node: "", offset: 1024, length: 1 });
  await client.call("close", { image });
  return bytes[0] ?? -1;
}

/** Sector 2 for who has read the log alone. */
const readAnew = 0;

describe("the index of a log that is open", () => {
  it("serves states in threads from before and in those that are started later, until it is closed", async () => {
    const filename = damagedLog();
    const before = session();
    expect(await sectorTwo(before, filename)).toBe(readAnew);
    const job = await readLog(filename);
    await expect.poll(() => sectorTwo(before, filename), { timeout: 10_000 }).toBe(3);
    const later = session();
    expect(await sectorTwo(later, filename)).toBe(3);
    job.cancel();
    await job.done;
    await expect.poll(() => sectorTwo(before, filename), { timeout: 10_000 }).toBe(readAnew);
    await expect.poll(() => sectorTwo(later, filename), { timeout: 10_000 }).toBe(readAnew);
  });

  it("is not used once the file has changed", async () => {
    const filename = damagedLog();
    const client = session();
    await readLog(filename);
    await expect.poll(() => sectorTwo(client, filename), { timeout: 10_000 }).toBe(3);
    fs.appendFileSync(filename, new Uint8Array(512));
    const past = new Date(Date.now() - 30_000);
    fs.utimesSync(filename, past, past);
    expect(await sectorTwo(client, filename)).toBe(readAnew);
  });
});
