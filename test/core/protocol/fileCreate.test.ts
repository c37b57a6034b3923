import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import { createFile } from "../../../core/protocol/fileCreate.ts";
import { failureOf, filled, openForTest } from "../../build/open.ts";
import { tempDir, tempFile } from "../../build/temp.ts";

async function refusal(filename: string) {
  return failureOf((async () => createFile(filename))());
}

describe("a file for a new image", () => {
  it("is made where there was none, for its owner to write and others to read", () => {
    const folder = tempDir();
    const before = process.umask(0o022);
    try {
      expect(createFile("new.raw", { baseDir: folder })).toEqual({ driver: "file", isNew: true });
    } finally {
      process.umask(before);
    }
    const stat = fs.statSync(path.join(folder, "new.raw"));
    expect([stat.size, stat.mode % 0o1000]).toEqual([0, 0o644]);
  });

  it("is emptied where there is one, keeping its mode, through a link too", () => {
    const filename = tempFile("old.raw", filled(1000, 1));
    fs.chmodSync(filename, 0o600);
    const link = path.join(path.dirname(filename), "link");
    fs.symlinkSync("old.raw", link);
    expect(createFile(link)).toEqual({ driver: "file", isNew: false });
    const stat = fs.statSync(filename);
    expect([stat.size, stat.mode % 0o1000]).toEqual([0, 0o600]);
    expect(fs.lstatSync(link).isSymbolicLink()).toBe(true);
  });

  it.skipIf(process.platform !== "linux")("is not emptied while a graph of ours has it open", async () => {
    const filename = tempFile("old.raw", filled(1000, 1));
    await openForTest({ driver: "file", filename }, { readOnly: false });
    expect(await refusal(filename)).toMatchObject({ code: "EBUSY", context: { path: filename } });
    expect(fs.statSync(filename).size).toBe(1000);
    expect(createFile(filename, { locking: "off" }).isNew).toBe(false);
    expect(fs.statSync(filename).size).toBe(0);
  });

  it("is not emptied while a graph of ours has it open without locks, under any name", async () => {
    const filename = tempFile("old.raw", filled(1000, 1));
    const graph = await openForTest({ driver: "file", filename }, { forceShare: true });
    fs.linkSync(filename, `${filename}.link`);
    expect((await refusal(`${filename}.link`)).code).toBe("EBUSY");
    expect(fs.statSync(filename).size).toBe(1000);
    await graph.close();
    expect(createFile(filename).isNew).toBe(false);
    expect(fs.statSync(filename).size).toBe(0);
  });

  it("is no directory, no FIFO, and lies in a folder that is there", async () => {
    const folder = tempDir();
    expect(await refusal(folder)).toMatchObject({
      code: "EINVAL",
      message: `Could not create '${folder}': Is a directory`,
    });
    const fifo = path.join(folder, "fifo");
    execFileSync("mkfifo", [fifo]);
    expect((await refusal(fifo)).message).toContain("neither a file nor a device");
    const lost = path.join(folder, "gone", "x.raw");
    expect(await refusal(lost)).toMatchObject({
      code: "ENOENT",
      message: `Could not create '${lost}': No such file or directory`,
    });
    expect((await refusal("")).code).toBe("EINVAL");
    expect((await refusal("a\0b")).code).toBe("EINVAL");
  });

  it.skipIf(!fs.existsSync("/dev/null"))("may be a device, which is left as it is", () => {
    expect(createFile("/dev/null")).toEqual({ driver: "host_device", isNew: false });
  });
});
