import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FileTokens } from "../../electron/files.ts";
import { mostRecent, RecentList } from "../../electron/recent.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "blkscope-recent-"));
  file = join(folder, "recent.json");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const list = () => new RecentList(file, new FileTokens());
const names = async (recent: RecentList) =>
  (await recent.items()).map(({ files }) => files.map(({ name }) => name).join("+"));

describe("the recent list", () => {
  it("has the newest first, each once, a pair once whichever side was first", async () => {
    const recent = list();
    await recent.remember(["/i/a"], 1);
    await recent.remember(["/i/a", "/i/b"], 2);
    await recent.remember(["/i/c"], 3);
    await recent.remember(["/i/b", "/i/a"], 4);
    await recent.remember(["/i/a"], 5);
    expect(await names(recent)).toEqual(["a", "b+a", "c"]);
    expect((await recent.items()).map(({ at }) => at)).toEqual([5, 4, 3]);
  });

  it(`keeps ${mostRecent} entries`, async () => {
    const recent = list();
    for (let i = 0; i < mostRecent + 3; i++) await recent.remember([`/i/${i}`], i);
    expect(await names(recent)).toEqual(Array.from({ length: 12 }, (_, i) => String(14 - i)));
  });

  it("is there in the next run, with names that need care", async () => {
    const recent = list();
    await recent.remember(["/i/a b\n\"'é.qed", "/i/磁盘.raw"], 7);
    const tokens = new FileTokens();
    const [item] = await new RecentList(file, tokens).items();
    expect(item?.files.map(({ token }) => tokens.pathOf(token))).toEqual(["/i/a b\n\"'é.qed", "/i/磁盘.raw"]);
    expect(item?.at).toBe(7);
  });

  it("marks entries of which a file is gone, and keeps them", async () => {
    const here = join(folder, "here.raw");
    writeFileSync(here, "");
    const recent = new RecentList(file, new FileTokens(), 60_000);
    await recent.remember([here, join(folder, "gone.raw")], 1);
    await recent.remember([join(here, "below a file")], 2);
    await recent.remember([here], 3);
    expect((await recent.items()).map(({ missing }) => missing)).toEqual([false, true, true]);
  });

  it("forgets the entry of exactly these files, or everything", async () => {
    const recent = list();
    await recent.remember(["/i/a"], 1);
    await recent.remember(["/i/a", "/i/b"], 2);
    await recent.forget(["/i/a"]);
    expect(await names(recent)).toEqual(["a+b"]);
    await recent.clear();
    expect(await names(recent)).toEqual([]);
    expect(await names(list())).toEqual([]);
  });

  it("keeps every change of several made at once", async () => {
    const recent = list();
    await Promise.all(["/i/a", "/i/b", "/i/c"].map((path, at) => recent.remember([path], at)));
    expect(await names(list())).toEqual(["c", "b", "a"]);
    expect(readdirSync(folder)).toEqual(["recent.json"]);
  });

  it.each([
    ["is empty", ""],
    ["is cut off", '{"version":1,"entries":[{"paths":["/i/a"'],
    ["is something else", '"hello"'],
    ["holds an array", "[1,2]"],
    ["has entries of another shape", '{"entries":{"0":1}}'],
  ])("starts anew when its file %s", async (_what, content) => {
    writeFileSync(file, content);
    const recent = list();
    expect(await recent.items()).toEqual([]);
    await recent.remember(["/i/a"], 1);
    expect(await names(list())).toEqual(["a"]);
  });

  it("keeps the good entries of a file with bad ones", async () => {
    const bad = [
      null,
      5,
      { paths: [], at: 1 },
      { paths: ["relative"], at: 1 },
      { paths: ["/a", "/b", "/c"], at: 1 },
    ];
    writeFileSync(file, JSON.stringify({ entries: [...bad, { paths: ["/i/good"], at: 1, more: true }] }));
    expect(await names(list())).toEqual(["good"]);
  });

  it("goes on in memory when it cannot be saved, and says so on stderr", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const recent = new RecentList(join(folder, "no such folder", "recent.json"), new FileTokens());
    await recent.remember(["/i/a"], 1);
    expect(await names(recent)).toEqual(["a"]);
    expect(log).toHaveBeenCalledOnce();
    log.mockRestore();
  });

  it("writes paths and nothing of tokens", async () => {
    const tokens = new FileTokens();
    await new RecentList(file, tokens).remember(["/i/a"], 1);
    expect(readFileSync(file, "utf8")).not.toContain(tokens.refOf("/i/a").token);
  });
});
