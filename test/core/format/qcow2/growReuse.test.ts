// What a guest gives up in one go is used again before the file grows, though nobody asked for a flush in between.
import { expect, it } from "vitest";
import { filled, openForTest, readRange } from "../../../build/open.ts";
import { buildQcow2 } from "../../../build/qcow2.ts";

const C = 65536;
const M = 1024 * 1024;

async function openOf(size: number) {
  const file = { driver: "memory", bytes: buildQcow2({ size }).bytes };
  const { root } = await openForTest({ driver: "qcow2", file }, { readOnly: false });
  const fileSize = () => root.children.find(({ name }) => name === "file")?.node.size ?? 0;
  return { root, fileSize };
}

/** Megabytes, in which a matcher would look at each byte. */
const sameBytes = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

it("clusters of two discards hold what is written next", async () => {
  const { root, fileSize } = await openOf(64 * M);
  // One after the other: the file's end is data of the first 10 MiB and of the 10 MiB after them.
  await root.write(0, filled(20 * M, 1));
  await root.flush();
  const before = fileSize();
  await root.discard(0, 10 * M);
  await root.discard(10 * M, 10 * M);
  await root.write(30 * M, filled(10 * M, 2));
  await root.write(0, filled(10 * M, 3));
  expect(fileSize()).toBe(before);
  expect(sameBytes(await readRange(root, 30 * M, 10 * M), filled(10 * M, 2))).toBe(true);
  expect(sameBytes(await readRange(root, 0, 10 * M), filled(10 * M, 3))).toBe(true);
  expect(sameBytes(await readRange(root, 10 * M, C), new Uint8Array(C))).toBe(true);
  await root.flush();
  expect(await root.check?.({})).toMatchObject({ corruptions: 0, leaks: 0, checkErrors: 0 });
});

it("clusters that a snapshot still holds are not taken for free ones", async () => {
  const { root } = await openOf(64 * M);
  await root.write(0, filled(16 * M, 1));
  await root.snapshots?.create("s");
  await root.discard(0, 16 * M);
  await root.write(16 * M, filled(16 * M, 2));
  await root.flush();
  await root.snapshots?.apply("s");
  expect(sameBytes(await readRange(root, 0, 16 * M), filled(16 * M, 1))).toBe(true);
  expect(await root.check?.({})).toMatchObject({ corruptions: 0, leaks: 0, checkErrors: 0 });
});
