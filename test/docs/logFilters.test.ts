// docs/log-filters.md is true: its filters can be read, its tables list the words that there are, its limits hold.
import * as fs from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { parseQuery } from "../../core/query/parse.ts";
import { longestQuery } from "../../core/query/tokens.ts";
import { fieldNames, flagNames } from "../../core/query/tree.ts";

const page = fs.readFileSync(fileURLToPath(new URL("../../docs/log-filters.md", import.meta.url)), "utf8");

function firstColumn(heading: string): string[] {
  const rows = page.split(`| ${heading} | |\n|---|---|\n`)[1]?.split("\n\n")[0] ?? "";
  return [...rows.matchAll(/^\| `([^`]+)`/gm)].map(([, name = ""]) => name);
}

it("has filters that can be read, and one for each line", () => {
  const filters = /```filter\n(.*?)```/s.exec(page)?.[1]?.trim().split("\n") ?? [];
  expect(filters.length).toBeGreaterThan(3);
  expect(filters.map((text) => [text, parseQuery(text).ok])).toEqual(filters.map((text) => [text, true]));
});

it("lists every field and every word", () => {
  expect(firstColumn("field").sort()).toEqual([...fieldNames].sort());
  expect(firstColumn("word").sort()).toEqual([...flagNames].sort());
});

it("states the limits that hold", () => {
  expect(page).toContain(`${longestQuery} characters`);
  expect(parseQuery(" ".repeat(longestQuery)).ok).toBe(true);
  expect(parseQuery(" ".repeat(longestQuery + 1)).ok).toBe(false);
});
