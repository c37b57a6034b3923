// docs/write-logs.md is true: its example is run as it stands, with real e2fsprogs, and bisect names the write that the page
// names.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { logOptions } from "../../core/cli/logOptions.ts";
import { lacksPeer } from "../build/peers.ts";
import { Cli, childEnv } from "../core/cli/support.ts";

const page = fs.readFileSync(fileURLToPath(new URL("../../docs/write-logs.md", import.meta.url)), "utf8");

interface Step {
  readonly command: string;
  readonly output: readonly string[];
}

function steps(): Step[] {
  const blocks = [...page.matchAll(/^```console\n(.*?)^```/gms)].map(([, block = ""]) => block);
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((step) => {
        const [command = "", ...output] = step.replace(/\n$/, "").split("\n");
        return { command, output };
      }),
  );
}

/** Milliseconds differ from run to run. */
function withoutTimes(line: string): string {
  return line.replace(/^( +\d+ +(?:\d+|-) {2}\w+ +\w+ +)(\d+)( {2}exit)/, (_, before, time, after) => {
    return `${before.slice(0, -1)}${" ".repeat(time.length)}0${after}`;
  });
}

/** Whether the lines are those expected, where "..." stands for any. */
function matches(expected: readonly string[], found: readonly string[]): boolean {
  const [first, ...rest] = expected;
  if (first === undefined) return found.length === 0;
  if (first === "...") {
    return Array.from({ length: found.length + 1 }, (_, i) => i).some((i) => matches(rest, found.slice(i)));
  }
  return found.length > 0 && first === found[0] && matches(rest, found.slice(1));
}

describe.skipIf(lacksE2fsprogs())("the example of the page on write logs", () => {
  let cli: Cli;
  beforeAll(async () => {
    cli = await Cli.build();
  });
  afterAll(() => cli.remove());

  it("prints what the page shows", () => {
    const bin = cli.path("bin");
    fs.mkdirSync(bin);
    const program = `#!/bin/sh\nexec '${process.execPath}' '${cli.script}' "$@"\n`;
    fs.writeFileSync(path.join(bin, "blkscope"), program, { mode: 0o755 });
    cli.write("record.sh", /^```sh\n(.*?)^```/ms.exec(page)?.[1] ?? "");
    // The same blocks every time: no clocks, no chance.
    const env = childEnv({
      PATH: `${bin}:${process.env.PATH}:/usr/sbin:/sbin`,
      E2FSPROGS_FAKE_TIME: "1700000000",
      LC_ALL: "C",
    });
    const all = steps();
    expect(all.length).toBeGreaterThan(10);
    for (const { command, output } of all) {
      const ran = spawnSync("bash", ["-c", command], { cwd: cli.folder, env, encoding: "utf8" });
      const found = ran.stdout.replace(/\n$/, "").split("\n").map(withoutTimes);
      const lines = ran.stdout === "" ? [] : found;
      expect([command, ran.stderr, matches(output, lines) || lines]).toEqual([command, "", true]);
      expect([command, ran.status]).toEqual([command, command.startsWith("blkscope log bisect") ? 3 : 0]);
    }
  });
});

describe("the page on write logs", () => {
  it("names only options that there are", () => {
    const known = Object.values(logOptions).map(({ long }) => long as string);
    const given = [...page.matchAll(/(?<=[\s`(])--([a-z][a-z-]*)/g)].map(([, name = ""]) => name);
    expect(given.filter((name) => !known.includes(name))).toEqual([]);
    expect(given.length).toBeGreaterThan(20);
  });
});

function lacksE2fsprogs(): boolean {
  const there = ["mke2fs", "debugfs", "e2fsck"].every((name) =>
    [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin"].some((folder) =>
      fs.existsSync(path.join(folder, name)),
    ),
  );
  return there ? lacksPeer() : lacksPeer("mke2fs", "debugfs", "e2fsck");
}
