// What visible rows say of each byte, over pages made by hand.
import { beforeEach, describe, expect, it } from "vitest";
import type { ByteSource, DiffMarks } from "../../../renderer/hex/model.ts";
import type { CachedPage } from "../../../renderer/pageCache.ts";
import { installFakeBridge, plainError } from "../fakeBridge.ts";

installFakeBridge();
const { pageSize } = await import("../../../renderer/pageCache.ts");
const { plainRows } = await import("../../../renderer/hex/model.ts");
const content = await import("../../../renderer/hex/rowContent.ts");
const { notLoaded, outside, unreadable } = content;

type BytesRow = Extract<ReturnType<typeof content.readRows>[number], { kind: "bytes" }>;

const a: ByteSource = { image: 1, node: "", size: 2 * pageSize, generation: 0 };
const b: ByteSource = { image: 2, node: "", size: pageSize + 8, generation: 0 };
const loaded = new Map<string, CachedPage>();
const page = (source: ByteSource, index: number) => loaded.get(`${source.image}/${index}`);
function load(source: ByteSource, index: number, change: Partial<CachedPage> = {}): Uint8Array {
  const bytes = new Uint8Array(Math.min(pageSize, source.size - index * pageSize));
  loaded.set(`${source.image}/${index}`, { bytes, bad: [], failed: undefined, ...change });
  return bytes;
}

function marks(change: Partial<DiffMarks> = {}): DiffMarks {
  return {
    side: "a",
    other: b,
    shift: 0,
    runsIn: () => [],
    current: undefined,
    scannedTo: Number.MAX_SAFE_INTEGER,
    version: 0,
    ...change,
  };
}
function rowAt(
  offset: number,
  { source = a, shift = 0, with: diff }: { source?: ByteSource; shift?: number; with?: DiffMarks } = {},
): BytesRow {
  const rows = plainRows(a.size, 16);
  const [row] = content.readRows(
    { source, shift, rows, extent: a.size, marks: diff, page },
    rows.rowOf(offset),
    1,
  );
  if (row?.kind !== "bytes") throw new Error("no row of bytes");
  return row;
}

beforeEach(() => loaded.clear());

describe("values", () => {
  it("are not loaded before their page came", () => {
    expect([...new Set(rowAt(0).values)]).toEqual([notLoaded]);
    expect(rowAt(0).marks[0]).toBe("missing");
  });

  it("come from both pages of a shifted row that crosses them", () => {
    load(a, 0).fill(1);
    load(a, 1).fill(2);
    // The row at 64 Ki - 16, shifted by 8: eight bytes of each page.
    expect([...rowAt(pageSize - 16, { shift: 8 }).values]).toEqual([
      ...Array(8).fill(1),
      ...Array(8).fill(2),
    ]);
  });

  it("are unreadable in bad ranges and failed pages, and only there", () => {
    load(a, 0, { bad: [{ offset: 4, length: 2, message: "gone" }] });
    load(a, 1, { bytes: new Uint8Array(0), failed: plainError("gone") });
    expect([...rowAt(0).values].map((value) => value === unreadable)).toEqual(
      Array.from({ length: 16 }, (_, column) => column === 4 || column === 5),
    );
    expect(rowAt(0).letter).toBe("?");
    expect(rowAt(pageSize).marks[3]).toBe("unreadable");
  });

  it("are outside before the start of a shifted image and past its end", () => {
    load(a, 0).fill(7);
    const before = rowAt(0, { shift: -8 });
    expect([...before.values]).toEqual([...Array(8).fill(outside), ...Array(8).fill(7)]);
    expect(before.outside).toBeUndefined();
    expect(rowAt(0, { shift: -64 }).outside).toBe("before");
    expect(rowAt(pageSize + 16, { source: b }).outside).toBe("past");
  });
});

describe("comparison", () => {
  it("marks the bytes that differ, those of the current run apart", () => {
    load(a, 0)[3] = 1;
    load(b, 0)[20] = 2;
    const diff = marks({ current: { offset: 16, length: 16 } });
    expect(rowAt(0, { with: diff }).marks[3]).toBe("differs");
    expect(rowAt(0, { with: diff }).marks[4]).toBe("plain");
    expect(rowAt(0, { with: diff }).letter).toBe("D");
    expect(rowAt(16, { with: diff }).marks[4]).toBe("current");
    expect(rowAt(32, { with: diff }).letter).toBe("");
  });

  it("says nothing about bytes whose counterpart is not loaded", () => {
    load(a, 0)[3] = 1;
    expect(rowAt(0, { with: marks() }).marks[3]).toBe("plain");
    expect(rowAt(0, { with: marks() }).letter).toBe("");
  });

  it("compares with the shifted byte of the other image", () => {
    load(a, 0)[3] = 1;
    load(b, 0)[515] = 1;
    expect(rowAt(0, { with: marks({ shift: 512 }) }).letter).toBe("");
    expect(rowAt(0, { with: marks() }).letter).toBe("D");
  });

  it("names the side that goes on when the other has ended", () => {
    load(a, 1)[9] = 5;
    load(b, 1);
    const row = rowAt(pageSize, { with: marks() });
    // B ends eight bytes into this row.
    expect(row.marks[7]).toBe("plain");
    expect(row.marks[9]).toBe("oneSide");
    expect(row.letter).toBe("A");
    const other = rowAt(pageSize + 16, { source: b, with: marks({ side: "b", other: a }) });
    expect(other.letter).toBe("A");
    expect(other.outside).toBe("past");
  });

  it("has ? in the gutter when the other side can't be read", () => {
    load(a, 0);
    load(b, 0, { bad: [{ offset: 0, length: 512, message: "gone" }] });
    const row = rowAt(0, { with: marks() });
    expect(row.letter).toBe("?");
    expect(row.marks[0]).toBe("plain");
  });

  it("tells rows that the scan has not reached", () => {
    const diff = marks({ scannedTo: 32 });
    expect([rowAt(16, { with: diff }).unscanned, rowAt(32, { with: diff }).unscanned]).toEqual([false, true]);
  });

  it("tells a run whose bytes are the same from one that differs further on", () => {
    load(a, 0);
    const other = load(b, 0);
    const runsIn = () => [{ offset: 0, length: 1024 }];
    expect(rowAt(0, { with: marks({ runsIn }) }).storedDifferently).toBe(true);
    other[300] = 1;
    expect(rowAt(0, { with: marks({ runsIn }) }).storedDifferently).toBe(false);
  });
});

describe("pages to read", () => {
  it("are those of the visible rows, without folds and without what is outside", () => {
    const rows = plainRows(a.size, 16);
    expect(content.pagesOf(rows, 4090, 20, a, 0)).toEqual([0, 1]);
    expect(content.pagesOf(rows, 8180, 100, a, 0)).toEqual([1]);
    expect(content.pagesOf(rows, 0, 10, a, -4096)).toEqual([]);
    const folded = { ...rows, row: () => ({ kind: "fold", offset: 0, length: 4096 }) as const };
    expect(content.pagesOf(folded, 0, 10, a, 0)).toEqual([]);
  });
});
