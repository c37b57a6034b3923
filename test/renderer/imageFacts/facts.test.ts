// What the app says of an image's facts, and which words find a snapshot among others of the same id or name.
import { describe, expect, it } from "vitest";
import type { NodeInfo, SnapshotInfo } from "../../../core/block/node.ts";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { encryptedText, factsOf, mostRows } from "../../../renderer/imageFacts/facts.ts";
import { keyOf, noSnapshotsWhy } from "../../../renderer/imageFacts/snapshots.ts";

const image = (info: NodeInfo, isGraph?: true): OpenedImage => ({
  image: 1,
  format: "qcow2",
  size: 1_048_576,
  fileSize: 393_216,
  readOnly: true,
  writable: true,
  info,
  nodes: [],
  file: { token: "t", name: "disk.qcow2", folder: "/i", ...(isGraph && { isGraph }) },
});
const snapshot = (id: string, name: string): SnapshotInfo => ({
  id,
  name,
  dateSeconds: 0,
  dateNanoseconds: 0,
  vmClockSeconds: 0,
  vmClockNanoseconds: 0,
  vmStateSize: 0,
  diskSize: 512,
});

describe("facts", () => {
  it("writes tables' names as the format does", () => {
    const { rows } = factsOf(image({ specific: { "extended-l2": true, "refcount-bits": 16 } }));
    expect(rows).toContainEqual(["Extended L2", "yes"]);
    expect(rows).toContainEqual(["Refcount bits", "16"]);
  });

  it("are rows in the order of the node, groups of one kind are tables, and sizes have units", () => {
    const { rows, tables } = factsOf(
      image({
        clusterSize: 65_536,
        dirty: true,
        backing: { filename: "base.raw" },
        specific: {
          compat: "1.1",
          "lazy-refcounts": false,
          bitmaps: [
            { flags: ["auto", "in-use"], name: "a", granularity: 65_536 },
            { flags: [], name: "b", granularity: 512 },
          ],
          encrypt: { format: "luks", slots: [{ active: true, iters: 1000 }, { active: false }] },
        },
      }),
    );
    expect(rows).toEqual([
      ["Format", "QCOW2"],
      ["Guest disk", "1 MiB (1,048,576 bytes)"],
      ["File", "384 KiB (393,216 bytes)"],
      ["Clusters", "64 KiB"],
      ["Closed cleanly", "no"],
      ["Backing file", "base.raw"],
      ["Its format", "not recorded: told by its first bytes"],
      ["Compat", "1.1"],
      ["Lazy refcounts", "no"],
      ["Encrypt format", "luks"],
    ]);
    expect(tables).toEqual([
      {
        title: "Bitmaps",
        columns: ["Name", "Flags", "Granularity"],
        rows: [
          ["a", "auto, in-use", "64 KiB"],
          ["b", "none", "512 B"],
        ],
        total: 2,
      },
      {
        title: "Encrypt slots",
        columns: ["Active", "Iters"],
        rows: [
          ["yes", "1,000"],
          ["no", ""],
        ],
        total: 2,
      },
    ]);
  });

  it("are a bounded number of rows, however many bitmaps there are", () => {
    const bitmaps = Array.from({ length: 65_535 }, (_, i) => ({ name: `b${i}`, granularity: 512 }));
    const [table] = factsOf(image({ specific: { bitmaps } })).tables;
    expect([table?.rows.length, table?.total]).toEqual([mostRows, 65_535]);
  });

  it("name the way of encryption where it is known", () => {
    expect(encryptedText(image({ encrypted: true, specific: { encrypt: { format: "aes" } } }))).toBe(
      "The guest's bytes of disk.qcow2 are encrypted (AES) and can't be shown.",
    );
    expect(encryptedText(image({ encrypted: true }))).toContain("are encrypted and");
  });
});

describe("a snapshot", () => {
  it("is found by its id, or by its name where another has the id first", () => {
    // An id comes before a name: "2" is the second, though the first is named so.
    const list = [snapshot("1", "2"), snapshot("2", "x"), snapshot("1", "y"), snapshot("1", "2")];
    expect(list.map((one) => keyOf(list, one))).toEqual(["1", "2", "y", undefined]);
  });

  it("is offered for an image's own file that has some", () => {
    const some = { snapshots: [snapshot("1", "a")] };
    expect(noSnapshotsWhy(image(some))).toBeUndefined();
    expect(noSnapshotsWhy(image(some, true))).toContain("own file");
    expect(noSnapshotsWhy(image({ snapshots: [] }))).toContain("no snapshots");
    expect(noSnapshotsWhy(image({}))).toContain("no snapshots");
  });
});
