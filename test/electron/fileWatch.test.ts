import { mkdtempSync, renameSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FileFacts, FileWatch, fileFacts, stateOf } from "../../electron/fileWatch.ts";
import type { FileState } from "../../electron/ipc/contract.ts";

const facts: FileFacts = { isFile: true, size: 4096n, mtimeNs: 5n, ino: 7n, dev: 1n };

describe("the state of a file", () => {
  it("is the same with the same size, time and inode", () => {
    expect(stateOf(facts, { ...facts }, 99)).toEqual({ kind: "same" });
  });

  it.each([
    ["grew", { size: 5120n, mtimeNs: 6n }, 1024],
    ["shrank", { size: 0n }, -4096],
    ["was written in place", { mtimeNs: 6n }, 0],
    ["was replaced by another of the same size and time", { ino: 8n }, 0],
    ["is on another disk now", { dev: 2n }, 0],
  ])("is changed when it %s", (_how, change, sizeDelta) => {
    expect(stateOf(facts, { ...facts, ...change }, 99)).toEqual({ kind: "changed", at: 99, sizeDelta });
  });

  it("is missing when it is not there", () => {
    expect(stateOf(facts, undefined, 99)).toEqual({ kind: "missing" });
  });

  it("of a device does not follow the time of its node", () => {
    const device = { ...facts, isFile: false };
    expect(stateOf(device, { ...device, mtimeNs: 6n }, 99)).toEqual({ kind: "same" });
    expect(stateOf(device, { ...device, ino: 6n }, 99)).toMatchObject({ kind: "changed" });
  });
});

describe("a watched file", () => {
  let folder: string;
  let file: string;
  let watch: FileWatch;
  let heard: FileState[];
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "blkscope-watch-"));
    file = join(folder, "disk\n1.raw");
    writeFileSync(file, Buffer.alloc(4096));
    heard = [];
    const before = await fileFacts(file);
    if (before === undefined) throw new Error("the test's file is not there");
    watch = new FileWatch(file, before, (state) => heard.push(state));
  });
  afterEach(() => {
    watch.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const kinds = () => heard.map(({ kind }) => kind);

  it("says nothing while nothing happens", async () => {
    await watch.check();
    expect(await watch.state(false)).toEqual({ kind: "same" });
    expect(heard).toEqual([]);
  });

  it("tells of a change once, with the difference in size", async () => {
    truncateSync(file, 4096 + 512);
    await watch.check();
    await watch.check();
    expect(heard).toEqual([{ kind: "changed", at: expect.any(Number), sizeDelta: 512 }]);
  });

  it("tells of each further change against the same beginning", async () => {
    truncateSync(file, 5120);
    await watch.check();
    truncateSync(file, 6144);
    await watch.check();
    expect(heard).toMatchObject([{ sizeDelta: 1024 }, { sizeDelta: 2048 }]);
  });

  it("is missing while it is away, and the same again when the very file comes back", async () => {
    renameSync(file, join(folder, "elsewhere"));
    await watch.check();
    renameSync(join(folder, "elsewhere"), file);
    await watch.check();
    expect(kinds()).toEqual(["missing", "same"]);
  });

  it("is changed when another file takes its place", async () => {
    const { atime, mtime } = statSync(file);
    writeFileSync(join(folder, "other"), Buffer.alloc(4096));
    utimesSync(join(folder, "other"), atime, mtime);
    renameSync(join(folder, "other"), file);
    await watch.check();
    expect(heard).toMatchObject([{ kind: "changed", sizeDelta: 0 }]);
  });

  it("begins anew from what was accepted", async () => {
    truncateSync(file, 5120);
    expect(await watch.state(false)).toMatchObject({ kind: "changed", sizeDelta: 1024 });
    expect(await watch.state(true)).toEqual({ kind: "same" });
    truncateSync(file, 5120 + 1);
    expect(await watch.state(false)).toMatchObject({ kind: "changed", sizeDelta: 1 });
  });

  it("is looked at anew when it is asked for during a look", async () => {
    const looking = watch.check();
    // The thread that looks has seen the file by then; what it saw has not come.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    truncateSync(file, 5120);
    expect(await watch.state(false)).toMatchObject({ kind: "changed", sizeDelta: 1024 });
    await looking;
  });

  it("cannot be accepted while it is missing", async () => {
    rmSync(file);
    expect(await watch.state(true)).toEqual({ kind: "missing" });
  });

  it("is noticed without being asked", async () => {
    const changed = new Promise<FileState>((resolve) => {
      watch.close();
      void fileFacts(file).then((before) => {
        if (before === undefined) return;
        watch = new FileWatch(file, before, resolve);
        truncateSync(file, 8192);
      });
    });
    expect(await changed).toMatchObject({ kind: "changed", sizeDelta: 4096 });
  });

  it("says nothing after it is closed", async () => {
    truncateSync(file, 5120);
    const looking = watch.check();
    watch.close();
    await looking;
    expect(heard).toEqual([]);
  });
});
