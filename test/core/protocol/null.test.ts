import { describe, expect, it } from "vitest";
import { failureOf, filled, openForTest, readRange } from "../../build/open.ts";

const writable = { readOnly: false };

describe("the null disk", () => {
  it("has 1 GiB unless told otherwise, and is told in units", async () => {
    expect((await openForTest({ driver: "null-co" })).root.size).toBe(2 ** 30);
    expect((await openForTest({ driver: "null-aio", size: "1.5k" })).root.size).toBe(1536);
  });

  it("reads as zeroes whatever was written", async () => {
    const { root } = await openForTest({ driver: "null-co", size: 4096 }, writable);
    await root.write(100, filled(200, 1), { fua: true });
    await root.discard(0, 4096);
    await root.flush();
    expect(await readRange(root, 0, 4096)).toEqual(new Uint8Array(4096));
    expect(root.size).toBe(4096);
  });

  it("promises zeroes only when asked to", async () => {
    const plain = await openForTest({ driver: "null-co", size: 4096 });
    expect(await plain.root.extentAt(512, 1024)).toMatchObject({ state: "unallocated", length: 1024 });
    const promised = await openForTest({ driver: "null-co", size: 4096, "read-zeroes": "on" });
    expect(await promised.root.extentAt(512, 1024)).toMatchObject({ state: "zero", hostOffset: 512 });
  });

  it("refuses what lies behind its end, other sizes, and options it does not know", async () => {
    const { root } = await openForTest({ driver: "null-co", size: 4096 }, writable);
    expect((await failureOf(root.write(4095, filled(2, 1)))).code).toBe("EINVAL");
    expect((await failureOf(root.writeZeroes(4096, 1))).code).toBe("EINVAL");
    expect(await failureOf(root.resize(8192))).toMatchObject({
      code: "ENOTSUP",
      message: "Image format driver does not support resize",
    });
    expect((await failureOf(openForTest({ driver: "null-co", filename: "x" }))).message).toBe(
      "Block protocol 'null-co' does not support the option 'filename'",
    );
    for (const latency of [-1, "soon", 0.5]) {
      expect((await failureOf(openForTest({ driver: "null-co", "latency-ns": latency }))).code).toBe(
        "EINVAL",
      );
    }
  });

  it("takes the time it is told", async () => {
    const { root } = await openForTest({ driver: "null-co", size: 4096, "latency-ns": "20000000" });
    let answered = false;
    const read = root.read(0, new Uint8Array(512)).then(() => {
      answered = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(answered).toBe(false);
    await read;
  });
});
