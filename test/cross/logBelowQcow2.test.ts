// Logs that qemu-io kept below qcow2: states of the image's file are judged by the format's check as qemu-img judges them,
// the bytes of the guest are traced to the entries that wrote them, and no crash leaves a broken image.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readLog } from "../build/logReader.ts";
import { lacksPeer, run } from "../build/peers.ts";
import { Cli } from "../core/cli/support.ts";

const logged = (name: string) =>
  `driver=blklogwrites,file.driver=file,file.filename=${name}.qcow2,log.driver=file,log.filename=${name}.log`;
const below = (options: string) => `driver=qcow2,file.${options.replaceAll(",", ",file.")}`;

describe.skipIf(lacksPeer("qemu-img", "qemu-io"))("a log below qcow2", () => {
  let cli: Cli;
  beforeAll(async () => {
    cli = await Cli.build();
  });
  afterAll(() => cli.remove());

  const peer = (image: string, ...commands: readonly string[]) => {
    const list = commands.flatMap((command) => ["-c", command]);
    const args = ["-t", "writeback", "--image-opts", image, ...list];
    const { status, stderr, stdout } = spawnSync("qemu-io", args, { cwd: cli.folder, encoding: "utf8" });
    expect(status, stdout + stderr).toBe(0);
  };
  /** NAME.qcow2 after the work, NAME.log of it, and the image before it as before.NAME. */
  const record = (name: string, options: string, ...commands: readonly string[]) => {
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, cli.path(`${name}.qcow2`), "16M");
    fs.copyFileSync(cli.path(`${name}.qcow2`), cli.path(`before.${name}`));
    cli.write(`${name}.log`, "");
    peer(below(logged(name)), ...commands);
    return readLog(fs.readFileSync(cli.path(`${name}.log`))).entries;
  };
  const work = ["write -P 1 0 64k", "flush", "write -P 2 5M 100k", "flush", "write -P 3 0 4k", "flush"];

  it("is judged as qemu-img judges each state, and the entry that broke the image is named", () => {
    record("broken", "cluster_size=64k", ...work);
    // qcow2 keeps the L1 table of a new image behind its refcount block, at 3 clusters; an offset of 0xEE.. fits none.
    peer(`${logged("broken")},log-append=on`, "write -P 0xee 0x30000 512", "flush");
    const { entries } = readLog(fs.readFileSync(cli.path("broken.log")));
    const breaking = entries.findLastIndex(({ payload }) => payload.length === 512 && payload[0] === 0xee);
    expect(breaking).toBeGreaterThan(5);

    const options = ["--base", "before.broken", "--at", "each", "--check", "qcow2", "--output", "json"];
    const { code, stdout } = cli.run(["log", "bisect", "--all", ...options, "broken.log"]);
    expect(code).toBe(3);
    const found = JSON.parse(stdout);
    expect(found["first-bad"]).toMatchObject({ entry: breaking });
    const rows: readonly { entries: number; verdict: string }[] = found.table;
    expect(rows.length).toBeGreaterThanOrEqual(entries.length);
    for (const { entries: count, verdict } of rows) {
      const state = `state-${count}.qcow2`;
      const made = cli.run([
        "log",
        "state",
        "--base",
        "before.broken",
        "--entry",
        String(count),
        "broken.log",
        state,
      ]);
      expect([made.code, made.stderr]).toEqual([0, ""]);
      // 0: clean, 3: leaks; anything else is a fault.
      const { status } = spawnSync("qemu-img", ["check", "-f", "qcow2", cli.path(state)]);
      expect([count, verdict]).toEqual([count, status === 0 || status === 3 ? "good" : "bad"]);
    }
  });

  it("tells who wrote a byte of the guest's disk", () => {
    const entries = record("guest", "cluster_size=64k", ...work);
    const { code, stdout } = cli.run([
      ...["log", "history", "--through", "qcow2", "--base", "before.guest", "--at", "16+4"],
      ...["--bytes", "--output", "json", "guest.log"],
    ]);
    expect(code).toBe(0);
    const rows = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(rows.map(({ after }) => after)).toEqual(["03".repeat(4), "01".repeat(4)]);
    for (const [i, value] of [3, 1].entries()) {
      expect(entries[rows[i].entry]?.payload[rows[i].touched.offset - rows[i].offset]).toBe(value);
    }
  });

  it("does not name places in the log for data that lie in an external data file", () => {
    const options = `cluster_size=64k,data_file=${cli.path("apart.data")}`;
    record("apart", options, ...work);
    const ran = cli.run([
      "log",
      "history",
      "--through",
      "qcow2",
      "--base",
      "before.apart",
      "--at",
      "0",
      "apart.log",
    ]);
    expect([ran.code, ran.stdout]).toEqual([1, ""]);
    expect(ran.stderr).toContain("not in the image's file as such");
  });

  it("says what qcow2 wrote for each byte of the guest", () => {
    run("qemu-img", "create", "-q", "-f", "qcow2", cli.path("both.qcow2"), "16M");
    for (const name of ["both.log", "guest-side.log"]) cli.write(name, "");
    const above = `driver=blklogwrites,log.driver=file,log.filename=guest-side.log,file.${below(logged("both")).replaceAll(",", ",file.")}`;
    peer(above, "write -P 1 1M 64k", "flush", "write -P 2 1M 64k", "flush");
    const { entries } = readLog(fs.readFileSync(cli.path("both.log")));
    const written = entries.reduce((sum, { payload }) => sum + payload.length, 0);
    const { code, stdout } = cli.run([
      ...["log", "stats", "--output", "json", "--below", "both.log", "guest-side.log"],
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).amplification.bytes).toBeCloseTo(written / (2 * 65_536), 10);
  });

  it.each(["lazy_refcounts=off", "lazy_refcounts=on"])(
    "with %s leaves no crash without a way back",
    (lazy) => {
      const name = `crash-${lazy.endsWith("on")}`;
      record(
        name,
        `cluster_size=4k,compat=1.1,${lazy}`,
        ...work,
        "write -P 5 9M 200k",
        "discard 0 8k",
        "flush",
      );
      const { code, stdout, stderr } = cli.run([
        ...["log", "bisect", "--base", `before.${name}`, "--at", "reorder:60,11", "--check", "qcow2"],
        ...["--all", "--output", "json", `${name}.log`],
      ]);
      const found = JSON.parse(stdout);
      if (lazy.endsWith("off")) {
        expect([code, stderr.includes("bad"), found["first-bad"]]).toEqual([0, false, undefined]);
        return;
      }
      // Refcounts are behind until the dirty bit is gone: the check says so of each such state, as qemu-img does.
      const bad = found["first-bad"];
      expect([code, bad === undefined]).toEqual([3, false]);
      const make = ["log", "state", "--base", `before.${name}`, "--entry", String(bad.entries)];
      const made = cli.run([
        ...make,
        ...(bad.lost ? ["--lost", bad.lost] : []),
        `${name}.log`,
        "worst.qcow2",
      ]);
      expect([made.code, made.stderr]).toEqual([0, ""]);
      expect(spawnSync("qemu-img", ["check", "-f", "qcow2", cli.path("worst.qcow2")]).status).toBe(2);
      expect(
        spawnSync("qemu-img", ["check", "-r", "all", "-f", "qcow2", cli.path("worst.qcow2")]).status,
      ).toBe(0);
    },
  );
});
