// Who wrote a byte of the guest's disk that lies in a compressed cluster: the log of the image's file is qemu-io's, and its
// entries are found by the stream that qemu-io has stored.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as zlib from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openGraph } from "../../core/graph.ts";
import { locate } from "../../core/jobs/locate.ts";
import { readLog } from "../build/logReader.ts";
import { Cli, describeWithQemu } from "../core/cli/support.ts";

const C = 65_536;

describeWithQemu("the history of a byte in a compressed cluster", () => {
  let cli: Cli;
  beforeAll(async () => {
    cli = await Cli.build();
    expect(cli.qemuImg("create", "-q", "-f", "qcow2", "disk.qcow2", "4M").code).toBe(0);
    fs.copyFileSync(cli.path("disk.qcow2"), cli.path("before.qcow2"));
    cli.write("a.log", "");
    // A session each, so that the streams are stored in that order.
    for (const command of ["write -q -c -P 1 0 64k", "write -q -c -P 2 64k 64k", "write -q -P 3 1M 64k"]) {
      const append = command.includes("-P 1") ? "off" : "on";
      const options = `driver=qcow2,file.driver=blklogwrites,file.file.driver=file,file.file.filename=disk.qcow2,file.log.driver=file,file.log.filename=a.log,file.log-append=${append}`;
      const args = ["-t", "writeback", "--image-opts", options, "-c", command, "-c", "flush"];
      const { status, stdout, stderr } = spawnSync("qemu-io", args, { cwd: cli.folder, encoding: "utf8" });
      expect(status, stdout + stderr).toBe(0);
    }
  });
  afterAll(() => cli.remove());

  /** Where the stream of guest cluster `index` lies: qcow2, "Compressed Clusters Descriptor", 64 KiB clusters. */
  function streamOf(index: number) {
    const bytes = fs.readFileSync(cli.path("disk.qcow2"));
    const l2 = Number(bytes.readBigUInt64BE(Number(bytes.readBigUInt64BE(40))) & 0x00fffffffffffe00n);
    const entry = bytes.readBigUInt64BE(l2 + index * 8);
    expect(entry >> 62n).toBe(1n);
    // x = 62 - (16 - 8): bits 0 to 53 are the offset, bits 54 to 61 the sectors after the first.
    const offset = Number(entry & (2n ** 54n - 1n));
    const sectors = Number((entry >> 54n) & 0xffn) + 1;
    return { offset, end: Math.min(bytes.length, Math.floor(offset / 512) * 512 + sectors * 512), bytes };
  }

  function history(...args: readonly string[]) {
    return cli.run(["log", "history", "--through", "qcow2", "--base", "before.qcow2", ...args, "a.log"]);
  }

  it("is that of the bytes among which its data are", () => {
    for (const [index, value] of [1, 2].entries()) {
      const { offset, end, bytes } = streamOf(index);
      const plain = zlib.inflateRawSync(bytes.subarray(offset, end), {
        finishFlush: zlib.constants.Z_SYNC_FLUSH,
        maxOutputLength: C,
      });
      expect(plain.equals(Buffer.alloc(C, value))).toBe(true);
      const { code, stdout } = history("--at", `${index * C + 100}+16`, "--bytes", "--output", "json");
      expect(code).toBe(0);
      const rows = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      const { entries } = readLog(fs.readFileSync(cli.path("a.log")));
      const wrote = entries.flatMap(({ sector, payload }, entry) =>
        payload.length > 0 && sector * 512 < end && sector * 512 + payload.length > offset ? [entry] : [],
      );
      expect(rows.map(({ entry }) => entry)).toEqual(wrote.reverse());
      expect(rows.length).toBeGreaterThan(0);
      const [newest] = rows;
      expect(newest).toMatchObject({ "guest-offset": index * C + 100, compressed: true, changed: true });
      const { touched, shown } = newest;
      expect(touched.offset).toBeGreaterThanOrEqual(offset);
      expect(touched.offset + touched.length).toBeLessThanOrEqual(end);
      const now = bytes.subarray(touched.offset, touched.offset + shown).toString("hex");
      expect(newest.after).toBe(now);
    }
  });

  it("says that the bytes are compressed, and those of other clusters are not", () => {
    const { offset, end } = streamOf(1);
    const { stdout } = history("--at", `${C}+64k`);
    expect(stdout.split("\n")[0]).toBe(
      `Guest 65536 bytes at 0x10000 is compressed, its data are among the ${end - offset} bytes at 0x${offset.toString(16)}:`,
    );
    const both = history("--at", "960k+128k", "--output", "json");
    const rows = both.stdout.trim().split("\n");
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) expect(JSON.parse(row)).toMatchObject({ compressed: false });
    const all = history("--at", "0+128k").stdout;
    expect(all.match(/is compressed/g)).toHaveLength(2);
  });

  it("begins where refs says that the data are", () => {
    const { offset, end } = streamOf(1);
    const { stdout } = cli.run(["refs", "disk.qcow2", "--guest", String(C + 100)]);
    expect(stdout.split("\n")[0]).toBe(
      `Guest offset 0x10064: data, compressed, among the ${end - offset} bytes at 0x${offset.toString(16)} of the file`,
    );
    const json = JSON.parse(
      cli.run(["refs", "--output", "json", "disk.qcow2", "--guest", String(C + 100)]).stdout,
    );
    expect(json).toMatchObject({ offset, kind: "compressed" });
  });

  it("is found from the guest's byte in the app, too", async () => {
    const file = { driver: "file", filename: cli.path("disk.qcow2") };
    const graph = await openGraph({ driver: "qcow2", file });
    try {
      const { offset, end } = streamOf(1);
      expect(await locate(graph.root, C + 5)).toMatchObject([
        { driver: "qcow2", hostOffset: undefined, stream: { offset, length: end - offset } },
      ]);
      const [plain] = await locate(graph.root, 1024 * 1024);
      expect(plain?.hostOffset).toBeGreaterThan(0);
      expect(plain?.stream).toBeUndefined();
    } finally {
      await graph.close();
    }
  });
});
