// `blkscope log` find, history, state and replay from outside: what they print and write, and the mistakes of replay-log
// that are refused here (write-log reference, 6).
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readLog, replay } from "../../build/logReader.ts";
import { filled, firstDifference, openForTest } from "../../build/open.ts";
import { type GivenEntry, makeLog } from "../../build/randomLog.ts";
import { Cli } from "./support.ts";

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
});
afterAll(() => cli.remove());

const write = (sector: number, sectors: number, value: number, flags = 0): GivenEntry => ({
  sector,
  flags,
  payload: filled(sectors * 512, value),
});
const made = makeLog(512, [
  write(0, 16, 1),
  { flags: 8, text: "mkfs" },
  { flags: 1 },
  write(4, 8, 2),
  write(8, 2, 3, 2),
  { flags: 4, sector: 10, sectorCount: 400_000 },
  { flags: 8, text: "it's done" },
  { flags: 1 },
  write(2, 3, 4),
]);
const diskEnd = (10 + 400_000) * 512;

let named = 0;
function log(bytes: Uint8Array = made.bytes): string {
  return cli.write(`disk${named++}.log`, bytes);
}
function target(name: string, count: number) {
  const bytes = fs.readFileSync(cli.path(name));
  return firstDifference(bytes, replay(readLog(made.bytes), bytes.length, count));
}

describe("log find", () => {
  it("lists the entries that pass a filter, and says when none does", () => {
    const name = log();
    const found = cli.run(["log", "find", "--output", "json", name, "fua || discard"]);
    expect(
      found.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).entry),
    ).toEqual([4, 5]);
    expect(cli.run(["log", "find", name, 'mark ~ "DONE"']).stdout).toContain(`MARK "it's done"`);
    const none = cli.run(["log", "find", name, "meta"]);
    expect([none.code, none.stdout]).toEqual([3, ""]);
    expect(none.stderr).toContain("None of the log's 9 entries passes the filter");
    const cut = cli.run(["log", "find", "--count", "1", "--output", "json", name, "write"]);
    expect([cut.code, JSON.parse(cut.stdout).entry]).toEqual([0, 0]);
    expect(cut.stderr).toContain("3 more entries pass the filter");
  });

  it("points at what is wrong with a filter", () => {
    const { code, stderr } = cli.run(["log", "find", log(), "op==write && sectr==1"]);
    expect(code).toBe(1);
    expect(stderr).toContain("The filter is wrong: ");
    expect(stderr).toContain("  op==write && sectr==1\n               ^^^^^");
  });
});

describe("log history", () => {
  it("says who wrote a range, newest first, and what was there before", () => {
    const { code, stdout } = cli.run(["log", "history", log(), "--at", "0xfff+2", "--bytes"]);
    expect(code).toBe(0);
    // Sectors 7 and 8: entry 4 wrote 8 and 9, entry 3 4 to 11, entry 0 all up to 15.
    expect(stdout).toBe(`entry 4: write of 1024 bytes at 0x1000, FUA, durable with entry 4
    - 0x1000  02
    + 0x1000  03
entry 3: write of 4096 bytes at 0x800, durable with entry 7
    - 0xfff  01 01
    + 0xfff  02 02
entry 0: write of 8192 bytes at 0x0, durable with entry 2
    - 0xfff  00 00
    + 0xfff  01 01
`);
    const before = cli.run(["log", "history", "--entry", "3", "--at", "4k", "--output", "json", log()]);
    expect(
      before.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).entry),
    ).toEqual([0]);
    expect(cli.run(["log", "history", log(), "--at", "1T"]).code).toBe(3);
    expect(cli.run(["log", "history", log()]).stderr).toContain("Expecting --at OFFSET");
    expect(cli.run(["log", "history", log(), "--at", "5+0"]).stderr).toContain("Invalid --at '5+0'");
  });
});

describe("log state", () => {
  it("writes the disk after any number of entries, sparse, and nothing over a file unasked", () => {
    for (const count of [0, 1, 5, 6, 9]) {
      const ran = cli.run(["log", "state", log(), "--entry", String(count), `state${count}.raw`]);
      expect([ran.code, ran.stderr]).toEqual([0, ""]);
      expect(target(`state${count}.raw`, count)).toBeUndefined();
    }
    const { size, blocks } = fs.statSync(cli.path("state9.raw"));
    expect([size, blocks < 100]).toEqual([diskEnd, true]);
    const again = cli.run(["log", "state", log(), "state9.raw"]);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("'state9.raw' is there already")]);
    expect(cli.run(["log", "state", "--over", "--entry", "1", log(), "state9.raw"]).code).toBe(0);
    expect(target("state9.raw", 1)).toBeUndefined();
  });

  it("leaves out what a crash took", () => {
    const lost = ["--entry", "5", "--lost", "4,3:0-1"];
    const ran = cli.run(["log", "state", "--output", "json", log(), ...lost, "lost.raw"]);
    expect(ran.code).toBe(0);
    expect(JSON.parse(ran.stdout)).toEqual({
      target: "lost.raw",
      entries: 5,
      lost: "4,3:0-1",
      size: diskEnd,
    });
    // Entry 3 wrote sectors 4 to 11; its first two were lost, and entry 4, which wrote 8 and 9.
    const expected = filled(8192, 1).fill(2, 6 * 512, 12 * 512);
    expect(
      firstDifference(fs.readFileSync(cli.path("lost.raw")).subarray(0, 8192), expected),
    ).toBeUndefined();
    const wrong = cli.run(["log", "state", log(), "--entry", "4", "--lost", "4", "lost2.raw"]);
    expect([wrong.code, fs.existsSync(cli.path("lost2.raw"))]).toEqual([1, false]);
    expect(wrong.stderr).toContain("Entry 4 can't be lost: only 4 entries are applied");
  });
});

describe("log replay", () => {
  it("makes a disk of a log and reads it back", () => {
    const { code, stdout, stderr } = cli.run(["log", "replay", "--verify", log(), "all.raw"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toBe(`9 entries, 0 to 8, replayed to all.raw
    writes    4  14.5 KiB (14848 bytes)
    discards  1  195 MiB (204800000 bytes)
    verified: all that was written reads back
`);
    expect(target("all.raw", 9)).toBeUndefined();
    // Discards longer than 128 MiB are applied, as holes.
    expect(fs.statSync(cli.path("all.raw")).blocks).toBeLessThan(100);
  });

  it("writes nothing on a dry run, with --find and with --num-entries", () => {
    const dry = cli.run(["log", "replay", "--dry-run", "--end-mark", "mkfs", log(), "dry.raw"]);
    expect([dry.code, dry.stdout]).toEqual([
      0,
      expect.stringContaining("2 entries, 0 to 1, would be replayed"),
    ]);
    const found = cli.run(["log", "replay", "--find", "--start-mark", "mkfs", "--next-fua", log()]);
    // Entry 4 lies behind 512 * (1 + 17 + 1 + 1 + 9) bytes.
    expect([found.code, found.stdout]).toEqual([0, `entry 4, at byte ${512 * 29} of the log\n`]);
    expect(cli.run(["log", "replay", "--num-entries", log()]).stdout).toBe("9\n");
    expect(fs.existsSync(cli.path("dry.raw"))).toBe(false);
  });

  it("goes on with a disk that it is told is the one before, and begins with a base", () => {
    expect(cli.run(["log", "replay", "--end-entry", "4", log(), "steps.raw"]).code).toBe(0);
    const unasked = cli.run(["log", "replay", "--start-entry", "4", log(), "steps.raw"]);
    expect(unasked.stderr).toContain("'steps.raw' is there already");
    const rest = cli.run(["log", "replay", "--over", "--start-entry", "4", "--verify", log(), "steps.raw"]);
    expect(rest.code).toBe(0);
    expect(rest.stderr).toContain("it grows");
    expect(target("steps.raw", 9)).toBeUndefined();
    cli.write("base.raw", filled(16_384, 0x66));
    expect(cli.run(["log", "replay", "--base", "base.raw", "--limit", "1", log(), "on.raw"]).code).toBe(0);
    const expected = filled(16_384, 0x66).fill(1, 0, 8192);
    expect(firstDifference(fs.readFileSync(cli.path("on.raw")), expected)).toBeUndefined();
  });

  it("and the states and the history of a log begin with what a format makes of a base, where that is named", () => {
    expect(cli.run(["create", "-q", "-f", "qed", "base.qed", "1M"]).code).toBe(0);
    expect(cli.run(["io", "-c", "write -q -P 0x66 0 64k", "base.qed"]).code).toBe(0);
    const named = 'json:{"driver":"qed","file":{"driver":"file","filename":"base.qed"}}';
    // Entry 0 writes 8 KiB of 1 at 0; behind it is the base's.
    for (const [action, ...options] of [
      ["replay", "--limit", "1"],
      ["state", "--entry", "1"],
    ] as const) {
      const out = `${action}-on-qed.raw`;
      expect(cli.run(["log", action, ...options, "--base", named, log(), out]).stderr).toBe("");
      const bytes = fs.readFileSync(cli.path(out));
      expect([8191, 8192, 65_535, 65_536].map((at) => bytes[at])).toEqual([1, 0x66, 0x66, 0]);
      // A state is as long as the log says, a replay as far as what it applies.
      expect(bytes.length).toBe(action === "state" ? diskEnd : 1024 * 1024);
    }
    const history = ["log", "history", "--at", "0+2", "--bytes", "--output", "json", "--base", named, log()];
    const [oldest] = cli.run(history).stdout.trim().split("\n").slice(-1);
    expect(JSON.parse(oldest ?? "")).toMatchObject({ entry: 0, before: "6666", after: "0101" });
    const wrong = cli.run(["log", "replay", "--base", "json:{", log(), "wrong.raw"]);
    expect([wrong.code, fs.existsSync(cli.path("wrong.raw"))]).toEqual([1, false]);
    expect(wrong.stderr).toContain("json:{");
  });

  it("cuts entries at the sectors that were asked for, discards too", () => {
    const sectors = ["--start-sector", "9", "--end-sector", "11"];
    expect(cli.run(["log", "replay", ...sectors, "--verify", log(), "cut.raw"]).code).toBe(0);
    // 9 is entry 4's, 10 and 11 were discarded.
    expect(
      firstDifference(fs.readFileSync(cli.path("cut.raw")), filled(6144, 0).fill(3, 9 * 512, 10 * 512)),
    ).toBeUndefined();
    expect(cli.run(["log", "replay", "--no-discard", ...sectors, log(), "cut2.raw"]).code).toBe(0);
    const kept = filled(6144, 0)
      .fill(2, 9 * 512)
      .fill(3, 9 * 512, 10 * 512);
    expect(firstDifference(fs.readFileSync(cli.path("cut2.raw")), kept)).toBeUndefined();
  });

  it.each([
    [["--end-mark", "nosuch"], "The log has no mark 'nosuch'"],
    [["--start-mark", "it's"], `The log has no mark 'it's'`],
    [["--start-entry", "8", "--next-flush"], "No entry from 8 on has the flag FLUSH"],
    [["--limit", "0"], "A limit is 1 entry at least"],
    [["--start-entry", "1", "--start-mark", "mkfs"], "an entry or a mark, not both"],
    [["--fsck", "true"], "--fsck and --check go together"],
    [["--check", "flush"], "--fsck and --check go together"],
    [["--fsck", "true", "--check", "0"], "after every 1 entry at least"],
    [["--fsck", "sh 'x", "--check", "1"], "a quote is not closed"],
    [["--end-sector", "1", "--start-sector", "2"], "Sectors 2 to 1 are none"],
    [["--find", "--dry-run"], "exclude one another"],
    [["--start", "5"], "unrecognized option '--start'"],
  ])("refuses %j before anything is written", (options, message) => {
    const { code, stdout, stderr } = cli.run(["log", "replay", ...options, log(), "refused.raw"]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(message);
    expect(fs.existsSync(cli.path("refused.raw"))).toBe(false);
  });

  it("refuses the log itself, its base, other words, and a file in use", () => {
    const name = log();
    const before = fs.readFileSync(cli.path(name));
    expect(cli.run(["log", "replay", "--over", name, `./${name}`]).stderr).toContain("is the log itself");
    fs.linkSync(cli.path(name), cli.path("link.log"));
    expect(cli.run(["log", "replay", "--over", name, "link.log"]).stderr).toContain("is the log itself");
    expect(fs.readFileSync(cli.path(name)).equals(before)).toBe(true);
    cli.write("base.raw", filled(512, 1));
    expect(cli.run(["log", "replay", "--base", "base.raw", "--over", name, "base.raw"]).stderr).toContain(
      "is the base itself",
    );
    expect(cli.run(["log", "replay", name, "a.raw", "b.raw"]).stderr).toContain("not 'b.raw'");
    expect(cli.run(["log", "replay", name]).stderr).toContain("Expecting log replay LOG TARGET");
  });

  it("refuses a target that another program writes to", async () => {
    cli.write("busy.raw", filled(8192, 9));
    await openForTest({ driver: "file", filename: cli.path("busy.raw") }, { readOnly: false });
    const ran = cli.run(["log", "replay", "--over", "--limit", "1", log(), "busy.raw"]);
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining("busy.raw")]);
    expect(firstDifference(fs.readFileSync(cli.path("busy.raw")), filled(8192, 9))).toBeUndefined();
  });

  it("of an entry beyond any file leaves nothing behind and says why", () => {
    const far = log(makeLog(512, [write(0, 1, 1), { ...write(0, 1, 2), sector: 2 ** 43 }]).bytes);
    for (const action of [
      ["replay", far],
      ["state", far],
    ]) {
      const { code, stderr } = cli.run(["log", ...action, "far.raw"]);
      expect([code, stderr]).toEqual([1, expect.stringContaining("more than a file can have here")]);
      expect(fs.readdirSync(cli.folder).filter((name) => name.includes("far.raw"))).toEqual([]);
    }
    expect(cli.run(["log", "replay", "--end-entry", "1", far, "near.raw"]).code).toBe(0);
    expect(cli.run(["log", "bisect", far, "--", "true", "{}"]).stderr).toContain(
      "more than a file can have here",
    );
  });

  it("makes a disk of the length that is asked for, and none that is too short", () => {
    expect(cli.run(["log", "replay", "--end-entry", "5", "--size", "1M", log(), "long.raw"]).code).toBe(0);
    expect(fs.statSync(cli.path("long.raw")).size).toBe(1024 * 1024);
    const short = cli.run(["log", "replay", "--size", "4k", log(), "short.raw"]);
    expect([short.code, short.stderr]).toEqual([1, expect.stringContaining("it can't have only 4096")]);
    expect(fs.existsSync(cli.path("short.raw"))).toBe(false);
  });

  it("and the states of a log say that entries behind the superblock's count are left out", () => {
    const bytes = Uint8Array.from(made.bytes);
    // The count is the 8 bytes at 16: of the 9 entries, 7.
    bytes[16] = 7;
    const name = log(bytes);
    const warning = "2 entries behind the superblock's count of 7 are left out";
    const replayed = cli.run(["log", "replay", name, "counted.raw"]);
    expect([replayed.code, replayed.stderr]).toEqual([
      0,
      `blkscope: warning: ${warning}; --tail takes them\n`,
    ]);
    expect(target("counted.raw", 7)).toBeUndefined();
    const state = cli.run(["log", "state", name, "counted-state.raw"]);
    expect([state.code, state.stderr]).toEqual([
      0,
      `blkscope: warning: ${warning}; the option 'entry' reaches them\n`,
    ]);
    // Nobody who says where it ends, or takes them, is told.
    expect(cli.run(["log", "replay", "--tail", name, "tail.raw"]).stderr).toBe("");
    expect(cli.run(["log", "replay", "--limit", "3", name, "three.raw"]).stderr).toBe("");
    expect(cli.run(["log", "state", "--entry", "7", name, "seven.raw"]).stderr).toBe("");
  });

  it("takes the entries that are there for counted where the count is beyond any", () => {
    const bytes = Uint8Array.from(made.bytes);
    // 2^64 - 1.
    bytes.fill(0xff, 16, 24);
    const { code, stdout, stderr } = cli.run(["log", "replay", log(bytes), "beyond.raw"]);
    expect([code, stdout.split("\n")[0]]).toEqual([2, "9 entries, 0 to 8, replayed to beyond.raw"]);
    expect(stderr).toContain("The superblock counts more than 2^53 entries; 9 were found");
    expect(target("beyond.raw", 9)).toBeUndefined();
  });

  it("of a log without entries makes the disk before it, as of any other log", () => {
    const ran = cli.run(["log", "replay", "--size", "64k", log(makeLog(512, []).bytes), "none.raw"]);
    expect([ran.code, ran.stdout.split("\n")[0]]).toEqual([0, "0 entries, replayed to none.raw"]);
    expect(firstDifference(fs.readFileSync(cli.path("none.raw")), filled(65_536, 0))).toBeUndefined();
  });

  it("applies what a torn log has, not the torn entry, and says so", () => {
    const torn = log(made.bytes.subarray(0, made.bytes.length - 100));
    const { code, stderr } = cli.run(["log", "replay", torn, "torn.raw"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("Entry 8 is cut off")]);
    expect(target("torn.raw", 8)).toBeUndefined();
    // An end before the damage was asked for: all is well.
    expect(cli.run(["log", "replay", "--end-entry", "8", torn, "torn2.raw"]).code).toBe(0);
  });
});

describe("a log that is not whole", () => {
  // 8 of 9 entries are there; writes are 0, 3 and 4, flushes 2 and 7.
  const torn = () => log(made.bytes.subarray(0, made.bytes.length - 100));
  const wall = "Entry 8 is cut off";
  const run = (...words: readonly string[]) => {
    const { code, stderr } = cli.run(["log", ...words]);
    return [code, stderr.includes(wall)];
  };

  it("is told of by a replay whose limit it does not reach, and not by one that it does", () => {
    const name = torn();
    expect(run("replay", "--limit", "100", "--verify", name, "torn3.raw")).toEqual([2, true]);
    expect(target("torn3.raw", 8)).toBeUndefined();
    expect(run("replay", "--limit", "8", "--verify", name, "torn4.raw")).toEqual([0, false]);
    expect(run("replay", "--limit", "9", "--dry-run", name, "none.raw")).toEqual([2, true]);
    expect(run("replay", "--find", name)).toEqual([2, true]);
    expect(run("replay", "--find", "--limit", "9", name)).toEqual([2, true]);
    expect(run("replay", "--find", "--limit", "8", name)).toEqual([0, false]);
    expect(run("replay", "--find", "--next-flush", name)).toEqual([0, false]);
  });

  it("is told of by find, unless all that was wanted came before its end", () => {
    const name = torn();
    expect(run("find", name, "write")).toEqual([2, true]);
    expect(run("find", "--count", "3", name, "write")).toEqual([2, true]);
    expect(run("find", "--count", "2", name, "write")).toEqual([0, false]);
    expect(run("find", name, "meta")).toEqual([3, true]);
  });

  it("is told of by a search in which no state fails, unless it ends before the damage", () => {
    const name = torn();
    const judge = ["--", "cmp", "-s", "{}", "{}"];
    expect(run("bisect", name, ...judge)).toEqual([2, true]);
    expect(run("bisect", "--dry-run", name, ...judge)).toEqual([2, true]);
    expect(run("bisect", "--end-entry", "8", name, ...judge)).toEqual([0, false]);
    // What fails in it fails.
    expect(run("bisect", name, "--", "false", "{}")).toEqual([3, true]);
    expect(run("bisect", name, "--", "sh", "-c", "exit 125", "{}")).toEqual([1, true]);
  });
});

describe("log replay --fsck", () => {
  /** Fails when sector 8 holds the byte 3, from entry 4 on. */
  const checker = `sh -c 'test "$(od -An -tu1 -j4096 -N1 "$0" | tr -d " ")" != 3' {}`;
  const check = (when: string, ...more: readonly string[]) =>
    cli.run(["log", "replay", "--fsck", checker, "--check", when, ...more, log(), `${when}${named}.raw`]);

  it("halts at the entry after which the command fails", () => {
    const each = check("1");
    expect([each.code, each.stdout]).toEqual([
      3,
      expect.stringContaining("check 5 failed after entry 4: exit 1"),
    ]);
    expect(each.stdout).toContain("5 entries, 0 to 4, replayed to");
    expect(each.stdout).toContain("runs: sh -c");
    expect(check("flush").stdout).toContain("check 2 failed after entry 7: exit 1");
    expect(check("fua").stdout).toContain("check 1 failed after entry 4: exit 1");
    expect(check("mark").stdout).toContain("check 2 failed after entry 6: exit 1");
    expect(check("flush", "--end-entry", "4").stdout).toContain("checked 1 times, always well");
  });

  it("does not take for success what is none: a signal, a check that never ran, a program that is not there", () => {
    const killed = cli.run([
      "log",
      "replay",
      "--shell",
      "--fsck",
      "kill -SEGV $$",
      "--check",
      "flush",
      log(),
      "k.raw",
    ]);
    expect([killed.code, killed.stdout]).toEqual([
      3,
      expect.stringContaining("failed after entry 2: ended by SIGSEGV"),
    ]);
    const slow = cli.run([
      "log",
      "replay",
      "--timeout",
      "1",
      "--fsck",
      "sleep 60",
      "--check",
      "fua",
      log(),
      "s.raw",
    ]);
    expect([slow.code, slow.stdout]).toEqual([
      3,
      expect.stringContaining("failed after entry 4: longer than 1 s"),
    ]);
    const never = cli.run([
      "log",
      "replay",
      "--start-entry",
      "5",
      "--fsck",
      "true",
      "--check",
      "fua",
      log(),
      "n.raw",
    ]);
    expect([never.code, never.stderr]).toEqual([1, expect.stringContaining("The command was never run")]);
    const missing = cli.run(["log", "replay", "--fsck", "nosuchprogram {}", "--check", "1", log(), "m.raw"]);
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining("there is no such program")]);
  });

  it("ends when the command changes the target", () => {
    const { code, stderr } = cli.run([
      ...["log", "replay", "--shell", "--fsck", "printf x >> {}", "--check", "flush"],
      ...[log(), "it's changed.raw"],
    ]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("changed the target after entry 2")]);
  });
});

describe("entries behind damage", () => {
  // Headers at 0x200, 0x2400, 0x2600, 0x2800: entry 3's becomes nonsense, and its 4096 bytes of data are lost with it.
  const damaged = () => log(Buffer.from(made.bytes).fill(0xee, 0x2800, 0x2820));
  const gap =
    "blkscope: warning: Entries from 3 on are likely, not sure: they were found behind damage, and what was written in the 4608 bytes that could not be read is missing on the disk\n";

  it("are replayed with --recover, without what was lost, and the gap is told", () => {
    const name = damaged();
    const without = cli.run(["log", "replay", name, "sure.raw"]);
    expect([without.code, fs.statSync(cli.path("sure.raw")).size]).toEqual([2, 16 * 512]);
    const ran = cli.run([
      "log",
      "replay",
      "--recover",
      "--verify",
      "--output",
      "json",
      name,
      "recovered.raw",
    ]);
    expect([ran.code, ran.stderr.startsWith(gap)]).toEqual([2, true]);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      end: 8,
      entries: 8,
      verified: true,
      recovered: [{ first: 3, count: 5, skipped: 4608 }],
    });
    // Sectors 0 to 15 hold 1s; 4 to 11 would hold 2s. Then 3s at 8, a discard from 10 on, 4s at 2.
    const bytes = fs.readFileSync(cli.path("recovered.raw"));
    expect([0, 2, 4, 5, 8, 9, 10, 15].map((sector) => bytes[sector * 512])).toEqual([1, 4, 4, 1, 3, 3, 0, 0]);
  });

  it("of an older log in the same file do not make a damaged one whole", () => {
    // 10 entries over 20 older ones, a sector of data each; the header of entry 5 is lost.
    const bytes = Buffer.from(
      makeLog(
        512,
        Array.from({ length: 20 }, (_, n) => write(n, 1, 1)),
      ).bytes,
    );
    bytes.set(
      makeLog(
        512,
        Array.from({ length: 10 }, (_, n) => write(n, 1, 2)),
      ).bytes,
    );
    const name = log(bytes.fill(0xee, 512 + 1024 * 5, 512 + 1024 * 5 + 32));
    const lost = "of which 1 at least was lost to damage: those from 9 on are not among them";
    const info = cli.run(["log", "info", "--recover", name]);
    expect([info.code, info.stdout]).toEqual([2, expect.stringContaining(`end: gap at 0x5200. `)]);
    expect(info.stdout).toContain(lost);
    for (const action of ["list", "stats"]) {
      const { code, stderr } = cli.run(["log", action, "--recover", name]);
      expect([action, code, stderr.includes(lost)]).toEqual([action, 2, true]);
    }
    const replayed = cli.run(["log", "replay", "--recover", "--verify", name, "reused.raw"]);
    expect([replayed.code, replayed.stderr.includes(lost)]).toEqual([2, true]);
    expect(replayed.stdout).toContain("9 entries, 0 to 8, replayed to reused.raw\n");
    // Sectors 0 to 9 without 5, all the newer log's; nothing of the older one behind.
    const disk = fs.readFileSync(cli.path("reused.raw"));
    const sectors = Array.from({ length: disk.length / 512 }, (_, n) => disk[512 * n]);
    expect(sectors).toEqual([2, 2, 2, 2, 2, 0, 2, 2, 2, 2]);
    const judge = ["--", "cmp", "-s", "{}", "{}"];
    expect(cli.run(["log", "bisect", "--recover", "--at", "mark", name, ...judge]).code).toBe(2);
  });

  it("are shown by state and history, and what a search found can be made again", () => {
    const name = damaged();
    const state = cli.run(["log", "state", "--recover", "--entry", "4", name, "four.raw"]);
    expect([state.code, state.stderr]).toEqual([0, gap]);
    expect(fs.readFileSync(cli.path("four.raw"))[8 * 512]).toBe(3);
    const short = cli.run(["log", "state", "--entry", "4", name, "five.raw"]);
    expect(short).toMatchObject({ code: 1 });
    expect(short.stderr).toContain("The log has 3 entries; 4 of them can't be applied");
    const written = cli.run(["log", "history", "--recover", "--at", "4k", "--output", "json", name]);
    expect(
      written.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
        .map(({ entry, recovered }) => [entry, recovered]),
    ).toEqual([
      [3, true],
      [0, false],
    ]);
    // Good as long as sector 8 holds 1s.
    const words = ["--", "cmp", "-s", "-n", "1", "-i", "4096:0", "{}", "one"];
    cli.write("one", Uint8Array.of(1));
    const bisected = cli.run(["log", "bisect", "--recover", "--at", "each", name, ...words]);
    expect([bisected.code, bisected.stderr.startsWith(gap)]).toEqual([3, true]);
    expect(bisected.stdout).toContain("First that fails: after entry 3, ");
    expect(bisected.stdout).toContain(`Make it again: blkscope log state --entry 4 --recover ${name} `);
  });

  it("are hinted at by everything that stops before them", () => {
    const name = damaged();
    const wall = "Entry 3 at 0x2800 can't be one: its flags are 0xeeeeeeeeeeeeeeee; 0x1f are all there are";
    const cases = [
      ["list", name],
      ["stats", name],
      ["history", "--at", "0", name],
      ["replay", name, "wall.raw"],
      ["bisect", "--at", "each", name, "--", "true", "{}"],
    ];
    for (const words of cases) {
      const { stderr } = cli.run(["log", ...words]);
      expect([words[0], stderr]).toEqual([
        words[0],
        `blkscope: warning: ${wall}; --recover looks for entries behind it\n`,
      ]);
    }
    const state = cli.run(["log", "state", name, "short.raw"]);
    expect([state.code, state.stderr]).toEqual([
      2,
      `blkscope: warning: ${wall}; recover=on (--recover) looks for entries behind it\n`,
    ]);
    // What was asked for is there.
    expect(cli.run(["log", "state", "--entry", "2", name, "two.raw"])).toMatchObject({ code: 0, stderr: "" });
    const history = cli.run(["log", "history", "--entry", "2", "--at", "0", name]);
    expect(history).toMatchObject({ code: 0, stderr: "" });
    const behind = cli.run(["log", "state", "--entry", "5", name, "five.raw"]);
    expect(behind.stderr).toContain("Behind the damage there may be more: recover=on, --recover.");
  });

  it("are none in what is no log, which is said", () => {
    const name = cli.write("noise.log", filled(8192, 0x51));
    expect(cli.run(["log", "list", name]).stderr).toContain("If its beginning is lost, --recover looks for");
    for (const words of [
      ["list", "--recover", name],
      ["state", "--recover", name, "none.raw"],
    ]) {
      const { code, stderr } = cli.run(["log", ...words]);
      expect([code, stderr.includes("No entries were found in it either.")]).toEqual([1, true]);
    }
  });
});
