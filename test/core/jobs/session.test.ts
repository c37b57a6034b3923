import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { pathToFileURL } from "node:url";
import { MessageChannel } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BlockError } from "../../../core/base/errors.ts";
import { startThread } from "../../../core/jobs/client.ts";
import type { Port } from "../../../core/jobs/contract.ts";
import { portOfChannel } from "../../../core/jobs/port.ts";
import { serveSession } from "../../../core/jobs/session.ts";
import { SessionClient } from "../../../core/jobs/sessionClient.ts";
import { setWorkerFolder } from "../../../core/jobs/workerUrl.ts";
import { buildQed } from "../../build/qed.ts";
import { buildThreads } from "../../build/threads.ts";
import { randomBytes } from "../ops/testNode.ts";

const KiB = 1024;
const folder = mkdtempSync(path.join(tmpdir(), "blkscope-session-"));
const file = (name: string) => path.join(folder, name);
const content = randomBytes(100_000, 4);

beforeAll(async () => {
  writeFileSync(file("a.raw"), content);
  await buildThreads();
});
afterAll(() => rmSync(folder, { recursive: true }));

function served(onLost: (error: BlockError) => void = () => {}): { client: SessionClient; inner: Port } {
  const { port1, port2 } = new MessageChannel();
  const inner = portOfChannel(port2);
  serveSession(inner);
  return { client: new SessionClient(onLost, portOfChannel(port1)), inner };
}

describe("the session", () => {
  it.each(["a channel", "a thread"])("opens, reads, locates and closes over %s", async (line) => {
    const lost: BlockError[] = [];
    const client =
      line === "a channel"
        ? served((error) => lost.push(error)).client
        : new SessionClient((error) => lost.push(error), startThread("blkscope:session"));
    const summary = await client.call("open", { spec: file("a.raw") });
    expect(summary).toMatchObject({
      format: "raw",
      size: 100_000,
      fileSize: 100_000,
      readOnly: true,
      nodes: [
        { path: "", driver: "raw", size: 100_000 },
        { path: "file", driver: "file", size: 100_000 },
      ],
    });
    const { image } = summary;
    const page = await client.call("read", { image, node: "", offset: 70_001, length: 5000 });
    expect(Buffer.compare(page.bytes, content.subarray(70_001, 75_001))).toBe(0);
    expect(page.bad).toEqual([]);
    const end = await client.call("read", { image, node: "file", offset: 99_990, length: 512 });
    expect([...end.bytes]).toEqual([...content.subarray(99_990)]);
    expect((await client.call("read", { image, node: "", offset: 100_000, length: 10 })).bytes).toHaveLength(
      0,
    );
    expect(
      (await client.call("read", { image, node: "", offset: 2 ** 53 - 1, length: 10 })).bytes,
    ).toHaveLength(0);
    expect(await client.call("locate", { image, offset: 70_000 })).toEqual([
      { depth: 0, driver: "raw", state: "data", hostOffset: 70_000, path: "" },
    ]);
    await client.call("close", { image });
    await expect(client.call("read", { image, node: "", offset: 0, length: 1 })).rejects.toThrow(
      "is not open",
    );
    client.close();
    expect(lost).toEqual([]);
  });

  it("tells images apart and answers side by side", async () => {
    const { client } = served();
    const first = await client.call("open", { spec: file("a.raw") });
    const second = await client.call("open", {
      spec: { driver: "raw", file: { driver: "memory", size: 4096 } },
    });
    const pages = await Promise.all(
      [first, second, first].map(({ image }) =>
        client.call("read", { image, node: "", offset: 0, length: 8 }),
      ),
    );
    expect(pages.map(({ bytes }) => [...bytes])).toEqual([
      [...content.subarray(0, 8)],
      Array(8).fill(0),
      [...content.subarray(0, 8)],
    ]);
    client.close();
  });

  it("tells the files of the whole backing chain", async () => {
    const name = new TextEncoder().encode("a.raw");
    const { bytes } = buildQed({ size: 4096, backing: { name, raw: true } });
    writeFileSync(file("top.qed"), bytes);
    const { client } = served();
    const { files } = await client.call("open", { spec: file("top.qed") });
    expect([...files].sort()).toEqual([file("a.raw"), file("top.qed")]);
    client.close();
  });

  it("reports what cannot be read by sectors beside what can", async () => {
    // The file shrinks to 50,000 bytes while it is open: bytes from sector 97 (49,664) on are gone.
    writeFileSync(file("shrinks.raw"), content);
    const { client } = served();
    const { image } = await client.call("open", { spec: file("shrinks.raw") });
    truncateSync(file("shrinks.raw"), 50_000);
    const { bytes, bad } = await client.call("read", { image, node: "", offset: 40_000, length: 20_000 });
    expect(bad).toEqual([
      { offset: 49_664 - 40_000, length: 20_000 - 9664, message: expect.stringContaining("shrank") },
    ]);
    expect(Buffer.compare(bytes.subarray(0, 9664), content.subarray(40_000, 49_664))).toBe(0);
    expect(bytes.subarray(9664).every((byte) => byte === 0)).toBe(true);
    client.close();
  });

  it("passes on errors with code, message and context", async () => {
    const { client } = served();
    const failed = await client.call("open", { spec: file("none.raw") }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(BlockError);
    expect(failed).toMatchObject({ code: "ENOENT", context: { path: file("none.raw") } });
    client.close();
  });

  it.each([
    [{ offset: -1, length: 1, node: "" }, "must be a whole number"],
    [{ offset: 0.5, length: 1, node: "" }, "must be a whole number"],
    [{ offset: 0, length: 1024 * KiB + 1, node: "" }, "the most is 1048576"],
    [{ offset: 0, length: -1, node: "" }, "cannot read -1 bytes"],
    [{ offset: 0, length: 1, node: "backing" }, 'no node "backing"'],
  ])("refuses a read of %o", async (request, message) => {
    const { client } = served();
    const { image } = await client.call("open", { spec: file("a.raw") });
    await expect(client.call("read", { image, ...request })).rejects.toThrow(message);
    client.close();
  });

  it("names the tables and fields of the file below a format, and nothing of what is guest data", async () => {
    const { client } = served();
    const clusters = new Map([[1, Uint8Array.of(7)]]);
    const built = buildQed({ size: 1024 * 1024, clusterSize: 4096, tableSize: 1, clusters });
    const filename = file("tables.qed");
    writeFileSync(filename, built.bytes);
    const { image } = await client.call("open", { spec: filename });
    const at = (node: string, offset: number) => client.call("describe", { image, node, offset });
    const table = built.l2Offsets.get(0) ?? 0;
    const data = built.dataOffsets.get(1) ?? 0;
    expect(await at("file", 4)).toMatchObject({
      kind: "header",
      field: { name: "cluster_size", value: "4096" },
    });
    expect(await at("file", table + 8)).toMatchObject({
      kind: "l2-table",
      offset: table,
      field: { target: { offset: data, length: 4096 }, guest: { offset: 4096, length: 4096 } },
    });
    expect(await at("file", data)).toBeUndefined();
    expect(await at("", 4)).toBeUndefined();
    await expect(at("file", -1)).rejects.toMatchObject({ code: "EINVAL" });
  });

  it("refuses to locate outside the image and calls it does not know", async () => {
    const { client } = served();
    const { image } = await client.call("open", { spec: file("a.raw") });
    await expect(client.call("locate", { image, offset: 100_000 })).rejects.toMatchObject({ code: "EINVAL" });
    await expect(client.call("toString" as "close", { image })).rejects.toThrow("there is no call");
    client.close();
  });

  it("rejects what is pending and tells once when the worker dies; a new one can be started", async () => {
    const lost: BlockError[] = [];
    const { client, inner } = served((error) => lost.push(error));
    const { image } = await client.call("open", { spec: file("a.raw") });
    inner.close();
    await expect(client.call("read", { image, node: "", offset: 0, length: 1 })).rejects.toMatchObject({
      code: "EIO",
      message: expect.stringContaining("the thread of the session ended unexpectedly"),
    });
    await expect(client.call("close", { image })).rejects.toMatchObject({ code: "EIO" });
    expect(lost).toHaveLength(1);
    const { client: next } = served();
    expect((await next.call("open", { spec: file("a.raw") })).size).toBe(100_000);
    next.close();
  });

  it("rejects what is pending when it is closed", async () => {
    const { client } = served();
    const pending = client.call("open", { spec: file("a.raw") });
    client.close();
    await expect(pending).rejects.toMatchObject({ code: "ECANCELED" });
  });

  it("rejects calls when the code of its thread is not there", async () => {
    setWorkerFolder(pathToFileURL(`${folder}/nothing/`));
    try {
      const lost: BlockError[] = [];
      const client = new SessionClient((error) => lost.push(error), startThread("blkscope:session"));
      await expect(client.call("open", { spec: file("a.raw") })).rejects.toMatchObject({
        code: "EIO",
        message: expect.stringContaining("sessionWorker.js"),
      });
      expect(lost).toHaveLength(1);
    } finally {
      await buildThreads();
    }
  });
});
