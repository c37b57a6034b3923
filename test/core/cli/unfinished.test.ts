// A new image of convert, dd and salvage that is cut off: no file of its name looks like the finished one, and what is left
// says what it is.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Cli } from "./support.ts";

const mebi = 1024 * 1024;
let cli: Cli;

beforeAll(async () => {
  cli = await Cli.build();
  fs.writeFileSync(cli.path("source.raw"), Buffer.alloc(64 * mebi, "guest data "));
  fs.copyFileSync(cli.path("source.raw"), cli.path("copy.raw"));
});

afterAll(() => cli.remove());

/** Length of each file whose name begins so. */
function filesOf(name: string): [string, number][] {
  const found: [string, number][] = [];
  for (const file of fs.readdirSync(cli.folder)) {
    if (!file.startsWith(name)) continue;
    const stat = fs.statSync(cli.path(file), { throwIfNoEntry: false });
    if (stat !== undefined) found.push([file, stat.size]);
  }
  return found;
}

/** Kills the command as soon as anything is in a file of that name; gives the names of files that hold something. */
async function killedWithData(args: readonly string[], name: string): Promise<string[]> {
  // After a pause of this process the command may have made the whole image: that says nothing.
  for (let tries = 0; tries < 20; tries++) {
    const left = await killedOnce(args, name);
    if (!left.includes(name) || cli.run(["compare", "source.raw", name]).code !== 0) return left;
    fs.rmSync(cli.path(name));
  }
  throw new Error(`'${name}' was always done before it could be killed`);
}

async function killedOnce(args: readonly string[], name: string): Promise<string[]> {
  const child = cli.start(args);
  const ended = new Promise((resolve) => child.once("exit", resolve));
  while (child.exitCode === null && filesOf(name).every(([, size]) => size === 0)) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  child.kill("SIGKILL");
  await ended;
  return filesOf(name).flatMap(([file, size]) => (size === 0 ? [] : [file]));
}

describe("a new image that is cut off while it is laid down", () => {
  // Each takes long to set aside all of its space, before anything is copied.
  it.each([
    ["convert", ["convert", "-f", "raw", "-O", "raw", "-o", "preallocation=full", "source.raw", "new.raw"]],
    [
      "convert into qcow2",
      ["convert", "-f", "raw", "-O", "qcow2", "-o", "preallocation=full", "source.raw", "new.qcow2"],
    ],
    [
      "salvage",
      ["salvage", "-f", "raw", "-O", "raw", "-o", "preallocation=full", "source.raw", "copy.raw", "one.raw"],
    ],
  ])("has no file of its name: %s", async (_, args) => {
    const name = args.at(-1) ?? "";
    const left = await killedWithData(args, name);
    expect(left).toHaveLength(1);
    expect(left[0]).toMatch(/\.\d+\.partial$/);
    // The next run says what that is, makes the image, and leaves it to the person.
    const again = cli.run(args);
    expect(again.code).toBe(0);
    expect(again.stderr).toContain(`warning: '${left[0]}' is incomplete`);
    expect(filesOf(name).map(([file]) => file)).toEqual([name, left[0]].sort());
  });
});

describe("what a killed command left of its file", () => {
  it.each([
    ["bundle", ["bundle", "disk.qed", "left.bundle"], "left.bundle"],
    ["repair --rescue-leaks", ["repair", "--rescue-leaks", "left.bin", "disk.qed"], "left.bin"],
    ["the index beside that", ["repair", "--rescue-leaks", "more.bin", "disk.qed"], "more.bin.json"],
  ])("is named by the next one: %s", (_, args, name) => {
    cli.run(["create", "-q", "-f", "qed", "disk.qed", "1M"]);
    const { pid } = spawnSync(process.execPath, ["--version"]);
    const left = `${name}.${pid}-0123456789ab.partial`;
    fs.writeFileSync(cli.path(left), "half");
    const ran = cli.run(args);
    expect(ran.code).toBe(0);
    expect(ran.stderr).toBe(
      `blkscope: warning: '${left}' is incomplete: a command that made '${name}' ended in the middle. It can be deleted.\n`,
    );
    expect(fs.readFileSync(cli.path(left), "utf8")).toBe("half");
  });
});

describe("a file that is being filled", () => {
  it("is not said to be left over, and its errors have the name that was asked for", () => {
    // The number of a process that lives: this one.
    const other = `busy.raw.${process.pid}.partial`;
    fs.writeFileSync(cli.path(other), "x");
    const ran = cli.run(["convert", "-f", "raw", "source.raw", "busy.raw"]);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(fs.readFileSync(cli.path(other), "utf8")).toBe("x");
  });

  it("stays beside a name that is a link into another folder, where relative names are looked for", () => {
    fs.mkdirSync(cli.path("elsewhere"));
    fs.writeFileSync(cli.path("base.raw"), Buffer.alloc(mebi, 1));
    fs.copyFileSync(cli.path("base.raw"), cli.path("same.raw"));
    fs.writeFileSync(path.join(cli.path("elsewhere"), "real.qcow2"), "");
    fs.symlinkSync(path.join("elsewhere", "real.qcow2"), cli.path("link.qcow2"));
    const args = ["convert", "-f", "raw", "-O", "qcow2", "-B", "base.raw", "-F", "raw", "same.raw"];
    expect(cli.run([...args, "link.qcow2"])).toMatchObject({ code: 0, stderr: "" });
    expect(cli.run(["compare", "same.raw", "link.qcow2"]).stdout).toBe("Images are identical.\n");
  });
});
