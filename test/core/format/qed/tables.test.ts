import { describe, expect, it } from "vitest";
import { Tables } from "../../../../core/format/qed/tables.ts";
import { MemoryNode } from "../../../../core/protocol/memory.ts";

class CountedNode extends MemoryNode {
  reads = 0;
  longest = 0;

  override async read(offset: number, target: Uint8Array): Promise<void> {
    this.reads++;
    this.longest = Math.max(this.longest, target.length);
    await super.read(offset, target);
  }
}

/** A file of 24 MiB in which every 64-bit entry holds its own index. */
function file(readOnly = true): CountedNode {
  const bytes = new Uint8Array(24 * 1024 * 1024);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < bytes.length / 8; index++) view.setUint32(index * 8, index, true);
  return new CountedNode("file", readOnly, bytes);
}

async function entry(reader: Tables, table: number, index: number): Promise<number | undefined> {
  return reader.page(table, index, ({ halves, first, count }) => {
    expect(index).toBeGreaterThanOrEqual(first);
    expect(index).toBeLessThan(first + count);
    return halves[(index - first) * 2];
  });
}

describe("tables", () => {
  it("are read in pieces, ahead but not past their end", async () => {
    const node = file();
    // A table of 3 pages of 4 KiB, 1536 entries, at 8 KiB: entry i is number 1024 + i of the file.
    const reader = new Tables(node, 3 * 4096);
    expect(await entry(reader, 8192, 0)).toBe(1024);
    expect(await entry(reader, 8192, 1535)).toBe(1024 + 1535);
    expect([node.reads, node.longest]).toEqual([1, 3 * 4096]);
  });

  it("stay in memory up to 16 MiB, the ones used last", async () => {
    const node = file();
    const tableBytes = 24 * 1024 * 1024;
    const reader = new Tables(node, tableBytes);
    const entries = tableBytes / 8;
    for (let index = 0; index < entries; index += 512) expect(await entry(reader, 0, index)).toBe(index);
    const all = node.reads;
    expect(node.longest).toBeLessThanOrEqual(256 * 1024);
    // The last 15 MiB are still there, the first 7 MiB are not: 24 - 16 = 8 MiB had to go.
    for (let index = entries - 1; index >= entries - (15 * 1024 * 1024) / 8; index -= 512) {
      expect(await entry(reader, 0, index)).toBe(index);
    }
    expect(node.reads).toBe(all);
    await entry(reader, 0, 0);
    await entry(reader, 0, (7 * 1024 * 1024) / 8);
    expect(node.reads).toBe(all + 2);
  });

  it("show each of many readers at once its own page, though memory is used again", async () => {
    const node = file();
    const reader = new Tables(node, 24 * 1024 * 1024);
    // 96 pages, of which 64 fit: each round all are read at once, in another order.
    for (let round = 0; round < 3; round++) {
      const pages = Array.from({ length: 96 }, (_, i) => (i * 5 + round) % 96);
      const shown = await Promise.all(pages.map((page) => entry(reader, 0, page * 32_768 + round)));
      expect(shown).toEqual(pages.map((page) => page * 32_768 + round));
    }
  });

  it("keep a change of a page that had to go while it was written", async () => {
    const tables = new Tables(file(false), 24 * 1024 * 1024);
    const write = tables.write(0, 3, [0x50000]);
    await Promise.all(Array.from({ length: 95 }, (_, i) => entry(tables, 0, (i + 1) * 32_768)));
    await write;
    expect(await entry(tables, 0, 3)).toBe(0x50000);
    expect(await entry(tables, 0, 4)).toBe(4);
  });

  it("keep what was written while a slower read of the same page was under way", async () => {
    const node = new HeldNode("file", false, new Uint8Array(65536));
    const tables = new Tables(node, 65536);
    const slow = tables.page(0, 0, () => undefined);
    const write = tables.write(0, 3, [0x50000]);
    // Both have read the page as it was; the writer goes on first.
    while (node.held.length < 2) await Promise.resolve();
    node.held[1]?.();
    await write;
    node.held[0]?.();
    await slow;
    expect(await entry(tables, 0, 3)).toBe(0x50000);
  });
});

/** Reads take their bytes at once and arrive when they are let go. */
class HeldNode extends MemoryNode {
  readonly held: (() => void)[] = [];

  override async read(offset: number, target: Uint8Array): Promise<void> {
    await super.read(offset, target);
    if (this.held.length < 2) await new Promise<void>((resolve) => this.held.push(resolve));
  }
}
