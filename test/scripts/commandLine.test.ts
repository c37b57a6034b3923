// The command line as the build lays it down: a launcher, the program, and V8's bytecode of it, which must never be
// needed and never be wrong.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeLaunchable } from "../../scripts/build/commandLine.mjs";
import { Cli, childEnv } from "../core/cli/support.ts";

let cli: Cli;
let folder: string;
let program: string;

beforeAll(async () => {
  cli = await Cli.build();
  folder = path.dirname(cli.script);
  await makeLaunchable(folder);
  program = path.join(folder, fs.readdirSync(folder).find((name) => /^program-.*\.js$/.test(name)) ?? "");
  expect(cli.run(["create", "-q", "-f", "qed", "a.qed", "1M"])).toMatchObject({ code: 0, stderr: "" });
});

afterAll(() => cli.remove());

const info = () => cli.run(["info", "a.qed"]);

/** Whether V8 takes the bytecode that lies there; asked in a new process, as it remembers what it has compiled. */
function isTaken(): boolean {
  const source = `const { Script, constants } = require("node:vm");
    const { readFileSync } = require("node:fs");
    const filename = process.argv[1];
    console.log(new Script(readFileSync(filename, "latin1"), {
      filename,
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
      cachedData: readFileSync(filename + ".cache"),
    }).cachedDataRejected);`;
  const asked = spawnSync(process.execPath, ["-e", source, program], { env: childEnv(), encoding: "utf8" });
  expect(asked).toMatchObject({ status: 0, stderr: "" });
  return asked.stdout.trim() === "false";
}

describe("the launcher", () => {
  it("runs the program from bytecode that this Node takes", () => {
    expect(isTaken()).toBe(true);
    expect(info()).toMatchObject({
      code: 0,
      stderr: "",
      stdout: expect.stringContaining("file format: qed"),
    });
  });

  it("runs it all the same from bytecode that is missing, cut short, of another version of Node, or junk", () => {
    const whole = info();
    const cache = fs.readFileSync(`${program}.cache`);
    const other = Buffer.from(cache);
    other.writeUInt32LE(other.readUInt32LE(4) ^ 1, 4); // V8 keeps a hash of its version in the second word
    const contents = [cache.subarray(0, cache.length / 2), other, Buffer.alloc(0), Buffer.alloc(5000, 0x5a)];
    for (const content of contents) {
      fs.writeFileSync(`${program}.cache`, content);
      expect(isTaken()).toBe(false);
      expect(info()).toEqual(whole);
    }
    fs.rmSync(`${program}.cache`);
    expect(info()).toEqual(whole);
    fs.writeFileSync(`${program}.cache`, cache);
  });

  it("is the program of its name when it is reached through a link", () => {
    const link = path.join(folder, "qemu-img");
    fs.symlinkSync(cli.script, link);
    const { stdout } = spawnSync(process.execPath, [link, "--version"], {
      env: childEnv(),
      encoding: "utf8",
    });
    expect(stdout).toBe("qemu-img version 7.2.0\n");
  });

  it("serves as the program's own threads, and passes on arguments, exit codes and imports of Node's modules", () => {
    fs.writeFileSync(path.join(cli.folder, "b.raw"), Buffer.alloc(1 << 20, 1));
    const compared = cli.run(["compare", "-f", "qed", "-F", "raw", "a.qed", "b.raw"]);
    expect(compared).toMatchObject({ code: 1, stderr: "" });
    const all = cli.run(["compare", "--all", "--output", "json", "a.qed", "b.raw"]);
    expect(all).toMatchObject({ code: 1, stdout: expect.stringContaining('"offset"') });
  });

  it("leaves no program of an older build behind", async () => {
    fs.writeFileSync(path.join(folder, "program-000000000000.js"), "");
    const bundle = fs.readFileSync(program, "latin1");
    fs.writeFileSync(
      cli.script,
      `#!/usr/bin/env node\n(${bundle.trimEnd()}).call(exports, exports, require, module, __filename, __dirname);\n`,
    );
    await makeLaunchable(folder);
    const names = fs.readdirSync(folder).filter((name) => name.startsWith("program-"));
    expect(names).toHaveLength(2);
    expect(names).not.toContain("program-000000000000.js");
    expect(info()).toMatchObject({ code: 0, stderr: "" });
  });
});
