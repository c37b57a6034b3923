// Rows of the entry table by pages: asked for once, newest first, kept in bounds, and never those of an earlier filter.
import { describe, expect, it } from "vitest";
import type { LogRow } from "../../../core/ops/logIndexRun.ts";
import { EntryPages, pageLength } from "../../../renderer/panels/timeline/entryPages.ts";

const rowAt = (entry: number): LogRow => ({
  entry,
  kind: "flush",
  flags: 1,
  offset: 0,
  length: 0,
  header: 0,
  payload: 0,
  payloadLength: 0,
  text: undefined,
  counted: true,
  recovered: false,
});

/** Answers by hand: pages asked for, in order, and their answers. */
function source() {
  const asked: number[] = [];
  const answers = new Map<number, () => void>();
  const failures = new Map<number, () => void>();
  const ask = (first: number, count: number) =>
    new Promise<readonly LogRow[]>((resolve, reject) => {
      asked.push(first / pageLength);
      answers.set(first / pageLength, () =>
        resolve(Array.from({ length: count }, (_, i) => rowAt(first + i))),
      );
      failures.set(first / pageLength, () => reject(new Error("gone")));
    });
  const settle = () => new Promise((resolve) => setTimeout(resolve, 0));
  return {
    ask,
    asked,
    answer: async (page: number) => {
      answers.get(page)?.();
      await settle();
    },
    fail: async (page: number) => {
      failures.get(page)?.();
      await settle();
    },
  };
}

function made() {
  let changes = 0;
  const pages = new EntryPages(() => changes++);
  const from = source();
  pages.reset(from.ask);
  return { pages, ...from, changes: () => changes };
}

describe("pages of rows", () => {
  it("are asked for once and told when they come", async () => {
    const { pages, asked, answer, changes } = made();
    expect(pages.at(5)).toBeUndefined();
    expect(pages.at(6)).toBeUndefined();
    expect(asked).toEqual([0]);
    await answer(0);
    expect(changes()).toBe(1);
    expect(pages.at(5)?.entry).toBe(5);
    expect(asked).toEqual([0]);
  });

  it("that were only passed are left out: two are under way, the newest three wait", async () => {
    const { pages, asked, answer } = made();
    for (let page = 0; page < 20; page++) pages.at(page * pageLength);
    expect(asked).toEqual([0, 1]);
    await answer(0);
    await answer(1);
    // Newest first.
    expect(asked).toEqual([0, 1, 19, 18]);
    await answer(19);
    expect(asked).toEqual([0, 1, 19, 18, 17]);
  });

  it("of an earlier question are never shown", async () => {
    const { pages, answer } = made();
    pages.at(0);
    const next = source();
    pages.reset(next.ask);
    await answer(0);
    expect(pages.at(0)).toBeUndefined();
    expect(next.asked).toEqual([0]);
  });

  it("before what a log has grown by stay", async () => {
    const { pages, answer } = made();
    pages.at(0);
    pages.at(pageLength);
    await answer(0);
    await answer(1);
    const next = source();
    pages.reset(next.ask, pageLength + 5);
    expect(pages.at(0)?.entry).toBe(0);
    expect(pages.at(pageLength)).toBeUndefined();
  });

  it("that can't be had are not asked for over and over", async () => {
    const { pages, asked, fail } = made();
    pages.at(0);
    await fail(0);
    pages.at(0);
    expect(asked).toEqual([0]);
  });

  it("are kept 64 at most, those used last", async () => {
    const { pages, asked, answer } = made();
    for (let page = 0; page < 70; page++) {
      pages.at(page * pageLength);
      await answer(page);
      pages.at(0);
    }
    expect(pages.at(0)?.entry).toBe(0);
    expect(pages.at(69 * pageLength)?.entry).toBe(69 * pageLength);
    expect(pages.at(pageLength)).toBeUndefined();
    expect(asked.at(-1)).toBe(1);
  });
});
