// docs/drivers.md is true: its examples print what they show, and its tables list the options that there are.
import * as fs from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { driverNamed } from "../../core/registry.ts";
import { Cli } from "../core/cli/support.ts";

const page = fs.readFileSync(fileURLToPath(new URL("../../docs/drivers.md", import.meta.url)), "utf8");

/** The part of the page under each driver's heading. */
const sections = page
  .split(/^## /m)
  .slice(1)
  .map((text) => ({ driver: text.slice(0, text.indexOf("\n")), text }));

interface Step {
  readonly command: string;
  readonly output: string;
}

/** Commands begin with "$ " and may go on behind a backslash; what follows is what they print. */
function stepsOf(text: string): Step[] {
  const blocks = [...text.matchAll(/^```console\n(.*?)^```/gms)].map(([, block = ""]) => block);
  return blocks.flatMap((block) =>
    block
      .replaceAll("\\\n", "\0")
      .split(/^\$ /m)
      .slice(1)
      .map((step) => {
        const end = step.indexOf("\n");
        return { command: step.slice(0, end).replaceAll("\0", "\\\n"), output: step.slice(end + 1) };
      }),
  );
}

/** Names in the first column of the first table. */
function optionsOf(text: string): string[] {
  const table = /^\| option \| \|\n\|---\|---\|\n((?:\|.*\n)+)/m.exec(text)?.[1] ?? "";
  const cells = table.split("\n").map((row) => row.split("|")[1] ?? "");
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name));
}

describe("the page on drivers", () => {
  let cli: Cli;

  beforeAll(async () => {
    cli = await Cli.build();
  });
  afterAll(() => cli.remove());

  it("has a section for every filter", () => {
    expect(sections.map(({ driver }) => driver)).toEqual([
      "blkverify",
      "quorum",
      "blklogwrites",
      "logstate",
      "blkdebug",
      "copy-on-read",
      "compress",
    ]);
  });

  it.each(sections)("lists the options of $driver", ({ driver, text }) => {
    const schema = driverNamed(driver)?.options;
    if (!(schema instanceof z.ZodObject)) throw new Error("options are the members of an object");
    const known = Object.keys(schema.shape).filter((name) => name !== "driver");
    expect(optionsOf(text).sort()).toEqual(known.sort());
  });

  it.each(sections)("has examples of $driver that print what it says", ({ driver, text }) => {
    const steps = stepsOf(text);
    expect(steps.length).toBeGreaterThan(2);
    fs.mkdirSync(cli.path(driver));
    for (const { command, output } of steps) {
      const ran = cli.shell(`cd ${driver}; blkscope() { $BLKSCOPE "$@"; }\n{ ${command}\n} 2>&1`);
      const exit = ran.code === 0 ? "" : `[exit ${ran.code}]\n`;
      expect({ command, output: ran.stdout + exit }).toEqual({ command, output });
    }
  });
});
