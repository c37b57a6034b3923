import { describe, expect, it } from "vitest";
import { kindNumber } from "../../../core/block/structure.ts";
import type { ShownChange } from "../../../core/ops/repairRun.ts";
import { byteRows, shortBytes } from "../../../renderer/panels/repair/byteRows.ts";
import { Findings } from "../../../renderer/panels/repair/findings.ts";
import { ItemPages, pageLength } from "../../../renderer/panels/repair/itemPages.ts";
import { changedRuns, kindRuns, stripText } from "../../../renderer/panels/repair/stripRuns.ts";
import { dirtyItem, item } from "./build.ts";

const change = (before: readonly number[], after: readonly number[]): ShownChange => ({
  kind: "write",
  offset: 0x1008,
  length: Math.max(before.length, after.length),
  before: Uint8Array.from(before),
  after: Uint8Array.from(after),
});

describe("bytes of a change", () => {
  it("stand in rows of 16 from where the change begins, and those that change are marked on both sides", () => {
    const [first, second, ...more] = byteRows(
      change([...Array(16).fill(1), 0xff], [...Array(17).fill(1)]),
      8,
    );
    expect(more).toEqual([]);
    expect([first?.offset, second?.offset]).toEqual([0x1008, 0x1018]);
    expect(first?.before.some(({ differs }) => differs)).toBe(false);
    expect(second).toEqual({
      offset: 0x1018,
      before: [{ digits: "ff", differs: true }],
      after: [{ digits: "01", differs: true }],
    });
  });

  it("are not marked where there is only one side: nothing was there to differ from", () => {
    const [row] = byteRows(change([], [1, 2]), 8);
    expect(row?.after).toEqual([
      { digits: "01", differs: false },
      { digits: "02", differs: false },
    ]);
    expect(row?.before.every(({ digits }) => digits === undefined)).toBe(true);
  });

  it("are cut to the rows asked for", () => {
    expect(byteRows(change(Array(100).fill(0), Array(100).fill(1)), 3)).toHaveLength(3);
  });

  it("have a short form that says that there are more", () => {
    expect(shortBytes(Uint8Array.of(0, 1, 0xab), 2)).toBe("0001…");
    expect(shortBytes(Uint8Array.of(0, 1), 2)).toBe("0001");
  });
});

describe("findings", () => {
  it("are grouped worst first, with what they cost the guest and the worst risk among them", () => {
    const findings = new Findings();
    findings.add([item(0x1000), dirtyItem]);
    findings.add([item(0x1008, { risk: "may-lose-data" }), item(0x1010), item(0x1018)]);
    const [data, note, ...more] = findings.grouped();
    expect(more).toEqual([]);
    expect(data?.severity).toBe("data");
    expect(data?.groups).toMatchObject([
      { action: "clear-entry", count: 4, guestBytes: 4 * 65_536, risk: "may-lose-data" },
    ]);
    // Three are named, the rest is in the plan.
    expect(data?.groups[0]?.first.map(({ id }) => id)).toEqual([
      "clear:0x1000",
      "clear:0x1008",
      "clear:0x1010",
    ]);
    expect(note?.groups).toMatchObject([{ action: "clear-dirty-bit", count: 1, risk: "safe" }]);
    expect(findings.ids).toHaveLength(5);
    expect(findings.safe).toEqual(["clear-dirty-bit"]);
  });
});

describe("pages of items", () => {
  it("are asked for once, tell when they are there, and are asked for again after a failure", async () => {
    const asked: number[] = [];
    let told = 0;
    let fails = true;
    const pages = new ItemPages(
      async (first) => {
        asked.push(first);
        if (fails) throw new Error("not now");
        return [item(first * 8)];
      },
      () => told++,
    );
    expect(pages.at(0)).toBeUndefined();
    expect(pages.at(1)).toBeUndefined();
    await expect(pages.page(0)).rejects.toThrow("not now");
    expect(asked).toEqual([0]);
    fails = false;
    await pages.page(0);
    expect(asked).toEqual([0, 0]);
    expect(told).toBe(2);
    expect(pages.at(0)?.id).toBe("clear:0x0");
  });

  it("of a plan that is gone are not asked for with every picture that is drawn because they failed", async () => {
    let asked = 0;
    const pages: ItemPages = new ItemPages(
      async () => {
        asked++;
        // Asked for without an end, this test would not end either.
        if (asked < 100) throw new Error("The image is not being looked at any more");
        return [item(0)];
      },
      () => void pages.at(7),
    );
    expect(pages.at(7)).toBeUndefined();
    await new Promise((resolve) => setTimeout(resolve));
    expect([pages.at(7), asked]).toEqual([undefined, 1]);
    // Another page is asked for on its own, and this one by who wants to know what is wrong.
    pages.at(pageLength);
    await expect(pages.page(0)).rejects.toThrow("not being looked at");
    expect(asked).toBe(3);
  });

  it("are forgotten when sixteen others were looked at since, and asked for again", async () => {
    let asked = 0;
    const pages = new ItemPages(
      async (first) => {
        asked++;
        return [item(first * 8)];
      },
      () => undefined,
    );
    for (let page = 0; page <= 16; page++) await pages.page(page);
    expect(pages.at(16 * pageLength)).toBeDefined();
    expect(pages.at(0)).toBeUndefined();
    await pages.page(0);
    expect(asked).toBe(18);
  });
});

describe("map strips", () => {
  const [data, leaked] = [kindNumber("data"), kindNumber("leaked")];

  it("are runs of one kind", () => {
    expect(kindRuns(Uint8Array.of(data, data, leaked))).toEqual([
      { kind: "data", first: 0, length: 2 },
      { kind: "leaked", first: 2, length: 1 },
    ]);
  });

  it("say where they differ, also where one is longer", () => {
    expect(changedRuns(Uint8Array.of(data, leaked), Uint8Array.of(data, data, data))).toEqual([
      { first: 0, length: 1, changed: false },
      { first: 1, length: 2, changed: true },
    ]);
  });

  it("are told in words for those who can't see them", () => {
    expect(stripText(Uint8Array.of(data, leaked, data))).toBe("Data 2 cells, Leaked 1 cell");
  });
});
