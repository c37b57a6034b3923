// Snapshot tables that can't be read, beside the stock program: what a check says of them, what -r cuts off, and what the
// repair of our own offers. The image has 4 KiB clusters and two snapshots; what is damaged are the header's count (at 60)
// and offset (at 64) of the table, and its entries: l1_table_offset at 0, l1_size at 8, extra_data_size at 36.
import * as fs from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildQcow2, snapshotEntry } from "../build/qcow2.ts";
import { Cli, describeWithQemu, type Ran } from "../core/cli/support.ts";

let cli: Cli;
let sound: Buffer;
beforeAll(async () => {
  cli = await Cli.build();
});
afterAll(() => cli.remove());

const name = "disk.qcow2";
const cluster = 4096;
const tableOf = (bytes: Buffer) => Number(bytes.readBigUInt64BE(64));

/** Clusters 0 to 15 as of "a" hold 1, 0 to 7 as of "b" 2, and 0 to 3 now 3. */
function twoSnapshots(compat = "1.1"): Buffer {
  fs.rmSync(cli.path(name), { force: true });
  cli.qemuImg("create", "-q", "-f", "qcow2", "-o", `cluster_size=${cluster},compat=${compat}`, name, "1M");
  for (const [snapshot, value, length] of [
    ["a", 1, "64k"],
    ["b", 2, "32k"],
    [undefined, 3, "16k"],
  ] as const) {
    cli.qemuIo("-f", "qcow2", "-c", `write -P ${value} 0 ${length}`, name);
    if (snapshot !== undefined) cli.qemuImg("snapshot", "-c", snapshot, name);
  }
  return fs.readFileSync(cli.path(name));
}

type Change = (bytes: Buffer, table: number) => unknown;

function damaged(change: Change): void {
  sound ??= twoSnapshots();
  const bytes = Buffer.from(sound);
  change(bytes, tableOf(bytes));
  fs.writeFileSync(cli.path(name), bytes);
}

const faults: readonly (readonly [string, Change])[] = [
  ["an offset that is not aligned", (bytes) => bytes.writeBigUInt64BE(0x1000001n, 64)],
  ["more snapshots than there may be", (bytes) => bytes.writeUInt32BE(70_000, 60)],
  ["as many as the field can say", (bytes) => bytes.writeUInt32BE(0xffffffff, 60)],
  ["too much extra data", (bytes, table) => bytes.writeUInt32BE(2000, table + 36)],
  ["a table that does not end", (bytes, table) => bytes.writeUInt32BE(0xffffffff, table + 36)],
  ["an offset past the end", (bytes) => bytes.writeBigUInt64BE(0x10000000n, 64)],
  ["one snapshot more than there are", (bytes) => bytes.writeUInt32BE(3, 60)],
  ["an L1 table that is too large", (bytes, table) => bytes.writeUInt32BE(0x500000, table + 8)],
  ["an L1 table that is not aligned", (bytes, table) => bytes.writeBigUInt64BE(513n, table)],
];

/** What a program says of a copy of the image, and what the stock one says of that copy then. */
function checked(what: readonly string[], run: (args: string[]) => Ran) {
  const copy = "copy.qcow2";
  fs.copyFileSync(cli.path(name), cli.path(copy));
  const { code, stdout, stderr } = run(["check", "-f", "qcow2", ...what, copy]);
  // Where a new table is put is each program's own affair, and so is a failure to free one that was nowhere.
  const lines = [...stdout.split("\n"), ...stderr.split("\n")].filter(
    (line) => !line.startsWith("Image end offset") && !line.startsWith("qcow2_free_clusters failed"),
  );
  return { code, lines, after: cli.qemuImg("check", "-f", "qcow2", copy).code };
}

const theirs = (what: readonly string[]) => checked(what, (args) => cli.qemuImg(...args));
const ours = (what: readonly string[]) => checked(what, (args) => cli.run(args, { BLKSCOPE_AS: "qemu-img" }));

describeWithQemu("a snapshot table that can't be read", () => {
  it.each(faults)("is checked as by the stock program: %s", (_, change) => {
    damaged(change);
    for (const what of [[], ["-r", "leaks"]]) expect(ours(what)).toEqual(theirs(what));
  });

  // That program keeps 65,536 entries of whatever lies behind the two that there are.
  const mended = faults.filter(
    ([fault]) => !fault.includes("snapshots than") && !fault.includes("the field"),
  );
  it.each(mended)("is cut by -r all as by the stock program: %s", (_, change) => {
    damaged(change);
    expect(ours(["-r", "all"])).toEqual(theirs(["-r", "all"]));
  });

  it.each([70_000, 0xffffffff])("keeps by -r all the two snapshots that there are of %i", (count) => {
    damaged((bytes) => bytes.writeUInt32BE(count, 60));
    const { code, lines, after } = ours(["-r", "all"]);
    expect([code, after]).toEqual([0, 0]);
    // Their entries are in order: it is the header's count alone that changes.
    expect(Buffer.compare(fs.readFileSync(cli.path("copy.qcow2")), sound)).toBe(0);
    // 65,536 may be: the others are named as the stock program names them.
    expect(lines).toContain(`Discarding ${count - 65_536} overhanging snapshots`);
    for (const [snapshot, value] of [
      ["a", 1],
      ["b", 2],
    ] as const) {
      const raw = cli.path("raw");
      const how = ["-f", "qcow2", "-O", "raw", "-l", `snapshot.name=${snapshot}`];
      expect(cli.qemuImg("convert", ...how, "copy.qcow2", raw).code).toBe(0);
      expect([...new Set(fs.readFileSync(raw).subarray(0, 8 * cluster))]).toEqual([value]);
    }
  });

  it("is cut by both after 65,536 snapshots that there are", () => {
    const entries = Array.from({ length: 65_538 }, (_, index) =>
      snapshotEntry({ id: `${index + 1}`, name: `s${index}`, l1Offset: 0, l1Entries: 0, diskSize: 1 << 20 }),
    );
    const table = Buffer.concat(entries);
    const pieces = Array.from({ length: Math.ceil(table.length / 65_536) }, (_, index) => {
      return [table.subarray(index * 65_536, (index + 1) * 65_536), 1] as const;
    });
    const spec = { size: 1 << 20, extra: pieces };
    const { extraOffsets } = buildQcow2(spec);
    const header = { u32: [[60, entries.length]], u64: [[64, BigInt(extraOffsets[0] ?? 0)]] } as const;
    fs.writeFileSync(cli.path(name), buildQcow2({ ...spec, ...header }).bytes);
    expect(ours([])).toEqual(theirs([]));
    // The stock program takes 40 s for it.
    const { code, lines, after } = ours(["-r", "all"]);
    expect([code, after]).toEqual([0, 0]);
    // The entries stay where they are, as with the stock program.
    const mended = fs.readFileSync(cli.path("copy.qcow2"));
    expect([mended.readUInt32BE(60), tableOf(mended)]).toEqual([65_536, extraOffsets[0]]);
    expect(mended.length).toBeLessThanOrEqual(fs.statSync(cli.path(name)).size);
    expect(lines).toEqual(
      expect.arrayContaining(["Discarding 2 overhanging snapshots", "    2 corruptions"]),
    );
    const listed = cli.qemuImg("snapshot", "-l", "copy.qcow2").stdout.trimEnd().split("\n");
    // Two lines of heading.
    expect(listed.length).toBe(65_536 + 2);
  });

  const infoOf = (output: string) => {
    const args = ["info", "-f", "qcow2", "--output", output, name];
    return { own: cli.run(args, { BLKSCOPE_AS: "qemu-img" }), peer: cli.qemuImg(...args) };
  };

  it.each(["too much extra data", "a table that does not end"])(
    "is refused by info as by the stock program, which says what a repair gives up: %s",
    (fault) => {
      damaged(faults.find(([one]) => one === fault)?.[1] ?? (() => undefined));
      const { own, peer } = infoOf("human");
      expect(peer.stderr).toContain("You can force-remove");
      expect(own).toMatchObject({ code: peer.code, stdout: peer.stdout, stderr: peer.stderr });
    },
  );

  it("of 64 MiB and more is refused as by the stock program", () => {
    // Entries of 40 + 1024 + 65,535 + 65,535 bytes, 132,136 with what fills up: 64 MiB hold 507 of them, and a part of one.
    const entry = Buffer.alloc(132_136);
    entry.writeUInt16BE(65_535, 12);
    entry.writeUInt16BE(65_535, 14);
    entry.writeUInt32BE(1024, 36);
    const bytes = Buffer.alloc(0x100000 + 509 * entry.length);
    bytes.set(twoSnapshots());
    bytes.writeUInt32BE(509, 60);
    bytes.writeBigUInt64BE(0x100000n, 64);
    for (let i = 0; i < 509; i++) bytes.set(entry, 0x100000 + i * entry.length);
    fs.writeFileSync(cli.path(name), bytes);
    const { own, peer } = infoOf("human");
    expect(peer.stderr).toContain("all 2 overhanging snapshots");
    expect(own).toMatchObject({ code: peer.code, stderr: peer.stderr });
    expect(cli.run(["info", name]).stderr).toContain("check -r all gives up all 2 overhanging snapshots.");
  });

  it("has names that end at a zero byte for the stock program", () => {
    damaged((bytes, table) => {
      const [idAt, nameAt] = [40, 41].map((at) => table + at + bytes.readUInt32BE(table + 36));
      expect(String.fromCharCode(bytes[idAt ?? 0] ?? 0, bytes[nameAt ?? 0] ?? 0)).toBe("1a");
      bytes[nameAt ?? 0] = 0;
    });
    for (const output of ["human", "json"]) {
      const { own, peer } = infoOf(output);
      expect(own.stdout.replace(/disk size.*|"actual-size".*/, "")).toBe(
        peer.stdout.replace(/disk size.*|"actual-size".*/, ""),
      );
    }
    expect(cli.run(["info", name]).stdout).toContain("\\x00");
  });

  it("keeps no image from being looked at", () => {
    damaged((bytes) => bytes.writeBigUInt64BE(0x1000001n, 64));
    const found = cli.run(["check", "--findings", "--output", "json", name]);
    expect(found.code).toBe(1);
    expect(found.stderr).toContain("Check failed: Snapshot table offset invalid: it is 0x1000001");
    expect(JSON.parse(found.stdout).findings).toMatchObject([
      { kind: "io-error", code: "snapshot-table-misplaced", offset: 64, length: 8 },
    ]);
    const kinds = JSON.parse(cli.run(["map", "--kinds", "--output", "json", name]).stdout);
    // Of 16 clusters now in use 4 are written since "b"; whose the others are, as those of "a" and "b" alone, is not known.
    expect(kinds).toMatchObject({ guest: { clusters: 256, allocated: 16 } });
    expect(JSON.stringify(kinds)).toContain('"skipped-tables":1');
    expect(cli.run(["refs", "--guest", "0", name]).stdout).toContain("References: 1");
    // What writes to it, or shows its snapshots, refuses it as the stock program does.
    const refused = cli.run(["info", name]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("Snapshot table offset invalid");
    expect(refused.stderr).toContain("blkscope repair --plan");
  });

  it("is given up with its snapshots when that is asked for, and taken back", () => {
    damaged((bytes) => bytes.writeBigUInt64BE(0x1000001n, 64));
    const before = fs.readFileSync(cli.path(name));
    const plan = cli.run(["repair", "--plan", name]).stdout;
    expect(plan).toContain("[ ] snapshot-table  (may lose data)");
    expect(plan).toContain("2 of the snapshots that the image should have can't be found");
    expect(plan).toContain("The disk reads the same; all snapshots are given up.");
    const { items } = JSON.parse(cli.run(["repair", "--plan", "--output", "json", name]).stdout);
    const given = { id: "snapshot-table", action: "drop-snapshots", risk: "may-lose-data", chosen: false };
    expect(items[0]).toMatchObject(given);
    expect(cli.run(["repair", "--apply", name]).stdout).toContain("0 items were mended");
    expect(Buffer.compare(fs.readFileSync(cli.path(name)), before)).toBe(0);
    const only = "snapshot-table,refcounts,copied-flags,leaks";
    expect(cli.run(["repair", "--apply", "--only", only, name])).toMatchObject({ code: 0, stderr: "" });
    expect(cli.qemuImg("check", "-f", "qcow2", name)).toMatchObject({ code: 0, stderr: "" });
    const read = ["-c", "read -P 3 0 16k", "-c", "read -P 2 16k 16k", "-c", "read -P 1 32k 32k"];
    expect(cli.qemuIo("-f", "qcow2", ...read, name).stdout).not.toContain("failed");
    expect(cli.run(["repair", "--undo", `${name}.blkscope-undo`])).toMatchObject({ code: 0 });
    expect(Buffer.compare(fs.readFileSync(cli.path(name)), before)).toBe(0);
  });

  // One wrong length, and all entries are read from where there are none: 2 KiB are too much, 200 bytes are not.
  it.each([
    ["1.1", 2000],
    ["1.1", 200],
    ["0.10", 200],
  ])("gives up no snapshot unless asked: compat=%s, extra data of %i bytes", (compat, extra) => {
    const bytes = twoSnapshots(compat);
    bytes.writeUInt32BE(extra, tableOf(bytes) + 36);
    fs.writeFileSync(cli.path(name), bytes);
    const plan = cli.run(["repair", "--plan", name]).stdout;
    // What only "b" uses seems to be used by nothing.
    expect(plan).toContain("[ ] leaks  (may lose data)");
    expect(plan).toContain("Entry 0 of the snapshot table has no id that a snapshot can have");
    expect(plan).not.toContain("[x]");
    expect(cli.run(["repair", "--apply", name]).stdout).toContain("0 items were mended");
    expect(Buffer.compare(fs.readFileSync(cli.path(name)), bytes)).toBe(0);
  });
});
