import * as fs from "node:fs";
import { describe, expect, it } from "vitest";
import { listed, verdictOf } from "../../scripts/peerSuite/suite.mjs";

describe("the runner of the peer's suite", () => {
  it.each([
    ["TAP version 13\n1..1\nok qed 001\n", 0, "passed"],
    ["1..1\nok qed 001 # SKIP not suitable\n", 0, "skipped"],
    ["1..1\nnot ok qed 001\n--- a\n+++ b\n-wanted\n+got\n", 1, "failed"],
    // Its limit of time, and its being killed after it.
    ["1..1\nok qed 001\n", 124, "failed"],
    ["1..1\n", 137, "failed"],
    // A suite that could not start, and one that ran another test.
    ["Traceback (most recent call last):\n", 1, "failed"],
    ["1..1\nok qed 002\n", 0, "failed"],
  ])("reads %j with exit code %i as %s", (output, code, verdict) => {
    expect(verdictOf(output, code, "qed 001").verdict).toBe(verdict);
  });

  it("counts the lines that differ", () => {
    const output = "not ok qed 001\n--- wanted\n+++ got\n same\n-one\n+two\n+three\n";
    expect(verdictOf(output, 1, "qed 001").why).toBe("3 lines differ");
  });

  it.each(["qed", "raw", "qcow2"] as const)(
    "lists each test of %s once, with what it tests",
    async (format) => {
      const tests = await listed(format);
      expect(tests.length).toBeGreaterThan(30);
      expect(new Set(tests.map(({ test }) => test)).size).toBe(tests.length);
      const lines = fs
        .readFileSync(new URL(`../peerSuite/${format}.txt`, import.meta.url), "utf8")
        .split("\n");
      for (const line of lines.filter((text) => /^[0-9a-z]/.test(text))) {
        expect(line).toMatch(/^[0-9a-z-]+ +[0-9]+ +\S+/);
      }
    },
  );
});
