// docs/cli.md says what the tables say. BLKSCOPE_UPDATE_DOCS=1 (npm run docs) writes it anew.
import * as fs from "node:fs";
import { describe, expect, it } from "vitest";
import { commands } from "../../../core/cli/commands.ts";
import { manual } from "../../../core/cli/manual.ts";

const page = new URL("../../../docs/cli.md", import.meta.url);

describe("the manual of the command line", () => {
  it("is the one that the tables of options make", async () => {
    const text = await manual();
    if (process.env.BLKSCOPE_UPDATE_DOCS === "1") fs.writeFileSync(page, text);
    expect(fs.readFileSync(page, "utf8"), "run npm run docs").toBe(text);
  });

  it("has every command, each with an example and exit codes", async () => {
    for (const [name, entry] of Object.entries(commands)) {
      const command = await entry.load();
      expect(command.examples.length, name).toBeGreaterThan(0);
      for (const line of command.examples)
        expect(line.startsWith(`${name} `) || line === name, line).toBe(true);
      expect(command.exits.length, name).toBeGreaterThan(0);
    }
  });
});
