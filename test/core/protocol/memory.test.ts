import { describe, expect, it } from "vitest";
import { failureOf, openForTest, readAll } from "../../build/open.ts";

const writable = { readOnly: false };

describe("a disk in memory", () => {
  it("grows by writes past its end and reads as zeroes between", async () => {
    const { root } = await openForTest({ driver: "memory", size: 2 }, writable);
    await root.write(4, Uint8Array.of(1, 2));
    expect(root.size).toBe(6);
    expect(await readAll(root)).toEqual(Uint8Array.of(0, 0, 0, 0, 1, 2));
  });

  it("writes zeroes and changes its size", async () => {
    const { root } = await openForTest({ driver: "memory", bytes: Uint8Array.of(1, 2, 3, 4) }, writable);
    await root.writeZeroes(1, 2);
    await root.resize(3);
    await root.resize(5);
    expect(await readAll(root)).toEqual(Uint8Array.of(1, 0, 0, 0, 0));
  });

  it("does not take sizes that memory cannot have", async () => {
    expect((await failureOf(openForTest({ driver: "memory", size: 2 ** 52 }))).code).toBe("EFBIG");
    const { root } = await openForTest({ driver: "memory", size: 1 }, writable);
    expect((await failureOf(root.resize(2 ** 50))).code).toBe("EFBIG");
    expect((await failureOf(root.write(2 ** 50, Uint8Array.of(1)))).code).toBe("EFBIG");
    expect(root.size).toBe(1);
  });
});
