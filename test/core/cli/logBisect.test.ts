// `blkscope log bisect`: a bad write planted at a known entry is named exactly, by commands and by a format's check; what
// is printed makes the state again; nothing is left behind, whatever ends the search.
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { filled } from "../../build/open.ts";
import { type GivenEntry, makeLog } from "../../build/randomLog.ts";
import { Cli } from "./support.ts";

let cli: Cli;
let temp: string;
beforeAll(async () => {
  cli = await Cli.build();
  temp = cli.path("tmp");
  fs.mkdirSync(temp);
});
afterAll(() => cli.remove());

const write = (sector: number, value: number, flags = 0): GivenEntry => ({
  sector,
  flags,
  payload: filled(512, value),
});
/** Sector 5 holds 0xbad's last byte from entry 13 on, and is well again from entry 20 on. */
const entries: GivenEntry[] = Array.from({ length: 30 }, (_, i) => {
  if (i === 13) return write(5, 0xad);
  if (i === 20) return write(5, 0x11);
  if (i % 5 === 4) return { flags: 1 };
  return i === 7 ? { flags: 8, text: "ready" } : write(100 + i, i + 1);
});
const planted = makeLog(512, entries);

/** Bad while sector 5 begins with 0xad; 125, not to be judged, while sector 111 holds 12 and 116 does not hold 17. */
const checker = ["sh", "-c", 'test "$(od -An -tx1 -j2560 -N1 "$0" | tr -d " ")" != ad', "{}"];

function bisect(options: readonly string[], command: readonly string[] = checker, log = "planted.log") {
  cli.write("planted.log", planted.bytes);
  return cli.run(["log", "bisect", ...options, log, "--", ...command], { TMPDIR: temp });
}
function json(options: readonly string[], command?: readonly string[]) {
  const ran = bisect(["--output", "json", ...options], command);
  return { ...ran, found: JSON.parse(ran.stdout) };
}

describe("a bad write in a log", () => {
  it("is named exactly when every entry is looked at", () => {
    const { code, found } = json(["--at", "each"]);
    expect(code).toBe(3);
    expect(found["first-bad"]).toMatchObject({ entry: 13, entries: 14, kind: "entry" });
    expect(found["last-good"]).toMatchObject({ entry: 12, entries: 13 });
    expect(found.table.slice(0, 14).map((row: { verdict: string }) => row.verdict)).toEqual([
      ...Array<string>(13).fill("good"),
      "bad",
    ]);
    expect(fs.readdirSync(temp)).toEqual([]);
  });

  it("is named by halves where it stays, with the same answer for any number of jobs", () => {
    for (const jobs of ["1", "2", "3"]) {
      const { code, found } = json([
        "--at",
        "each",
        "--search",
        "binary",
        "--end-entry",
        "20",
        "--jobs",
        jobs,
      ]);
      expect([code, found.edges, found["first-bad"].entry]).toEqual([3, "good-bad", 13]);
      expect(found.looked).toBeLessThan(12);
    }
    // The edges have to be good and bad.
    const mended = json(["--at", "each", "--search", "binary"]);
    expect([mended.code, mended.found.edges, mended.found["first-bad"]]).toEqual([0, "last-good", undefined]);
    const late = json(["--at", "each", "--search", "binary", "--start-entry", "14", "--end-entry", "20"]);
    expect([late.code, late.found.edges]).toEqual([3, "first-bad"]);
  });

  it("is found at flushes, and then among the entries before the flush", () => {
    const flushes = json(["--at", "flush", "--refine"]);
    expect(flushes.found["first-bad"]).toMatchObject({ entry: 14, kind: "flush" });
    expect(flushes.found["last-good"]).toMatchObject({ entry: 9 });
    expect(flushes.found.refined).toMatchObject({ entry: 13 });
    const { stdout } = bisect(["--at", "flush", "--refine", "--all"]);
    expect(stdout).toContain("First that fails: after entry 14, at flush 2 (15 entries applied): exit 1\n");
    expect(stdout).toContain("Fails already: after entry 13, behind flush 1 (14 entries applied)\n");
    expect(stdout).toContain("6 of 6 states looked at: 4 good, 2 bad\n");
    expect(json(["--at", "4"]).found["first-bad"]).toMatchObject({ entry: 15 });
    // From the mark on, the state there is looked at too.
    const marked = json(["--start-mark", "ready", "--at", "each"]).found;
    expect(marked.table[0]).toMatchObject({ kind: "start", entries: 8 });
  });

  it("is made again by the command that is printed", () => {
    const { found } = json(["--at", "each"]);
    const { reproduce } = found["first-bad"];
    const line = reproduce.replace(/^blkscope /, "$BLKSCOPE ");
    expect(cli.shell(line).code).toBe(1);
    expect(cli.shell(line.replace("--entry 14", "--over --entry 13")).code).toBe(0);
  });
});

it("a log with more moments than a search looks at is refused, and named is the way to search it", () => {
  // Blank headers that the superblock counts are writes of nothing, a sector each; the last entry but one is a write.
  const entries = 1_000_002;
  const { bytes } = makeLog(512, [write(0, 0xad)]);
  const superblock = Buffer.from(bytes.subarray(0, 512));
  superblock.writeBigUInt64LE(BigInt(entries), 16);
  const bad = entries - 2;
  cli.sparse("long.log", 512 * (1 + entries + 1), { 0: superblock, [512 * (1 + bad)]: bytes.subarray(512) });
  const blank = ["sh", "-c", 'test "$(od -An -tx1 -N1 "$0" | tr -d " ")" = 00', "{}"];
  const each = bisect(["--at", "each", "--search", "binary"], blank, "long.log");
  expect([each.code, each.stdout]).toEqual([1, ""]);
  expect(each.stderr).toContain("The entries 0 to 1000001 have more than 1000000 of these moments");
  expect(each.stderr).toContain(
    "Look at every 2 entries and refine, or at a part of the log. That is --at N",
  );
  const halved = bisect(["--at", "2", "--search", "binary", "--refine"], blank, "long.log");
  expect(halved.code).toBe(3);
  expect(halved.stdout).toContain("500001 states (--at 2)");
  // Every second state: 1,000,000 entries are applied, all good; 1,000,002 are the end; between them is the write.
  expect(halved.stdout).toContain("First that fails: after entry 1000001, ");
  expect(halved.stdout).toContain("Fails already: after entry 1000000, ");
});

describe("legal reorderings", () => {
  // Entry 2 refers to what entry 1 wrote: without a flush between them it may be there alone.
  const log = makeLog(512, [
    write(0, 1),
    { flags: 1 },
    write(1, 7),
    write(2, 8),
    write(3, 9, 2),
    { flags: 1 },
    write(1, 7),
  ]);
  const pointer = [
    "sh",
    "-c",
    'set -- $(od -An -tu1 -v -w512 "$0" | cut -c1-4); test "$3" != 8 -o "$2" = 7',
    "{}",
  ];
  const run = (options: readonly string[], command = pointer) => {
    cli.write("order.log", log.bytes);
    return cli.run(["log", "bisect", "--output", "json", ...options, "order.log", "--", ...command], {
      TMPDIR: temp,
    });
  };

  it("find a write that may land without the one it needs", () => {
    const { code, stdout } = run(["--at", "reorder:50,1", "--all"]);
    const found = JSON.parse(stdout);
    expect(code).toBe(3);
    expect(found["first-bad"]).toMatchObject({ entries: 4, lost: "2", kind: "reorder" });
    expect(found["first-bad"].reproduce).toContain("--entry 4 --lost 2 order.log");
    // All that can be lost: 0 before it is flushed; 2; 2 and 3 in any way at both moments after 3; 6. What is durable never is.
    const states = found.table.map((row: { entries: number; lost: string }) => `${row.entries}: ${row.lost}`);
    expect(states).toEqual([...["1: 0", "3: 2", "4: 2", "4: 2-3", "4: 3", "5: 2", "5: 2-3", "5: 3", "7: 6"]]);
    // Every prefix is well.
    expect(run(["--at", "each"]).code).toBe(0);
  });

  it("are the same for a seed, and others for another", () => {
    cli.write("planted.log", planted.bytes);
    const sample = (at: string) =>
      json(["--at", at, "--torn", "--all"], ["true", "{}"]).found.table.map(
        (row: { entries: number; lost: string }) => [row.entries, row.lost],
      );
    expect(sample("reorder:10,5")).toEqual(sample("reorder:10,5"));
    expect(sample("reorder:10,5")).not.toEqual(sample("reorder:10,6"));
  });
});

describe("a command", () => {
  it("that can't judge a state is gone around, and one that judges none is no success", () => {
    // Skips while entry 12 is the last one.
    const skipping = [
      "sh",
      "-c",
      `${'b=$(od -An -tx1 -j2560 -N1 "$0" | tr -d " "); c=$(od -An -tu1 -j57344 -N1 "$0" | tr -d " ")'}; test "$c" = 13 -a "$b" != ad && exit 125; test "$b" != ad`,
      "{}",
    ];
    const { found } = json(["--at", "each", "--end-entry", "15"], skipping);
    expect(found["first-bad"].entry).toBe(13);
    expect(found["last-good"].entry).toBe(11);
    expect(found.table[12]).toMatchObject({ entry: 12, verdict: "skip", exit: 125 });
    const none = bisect(["--at", "flush"], ["sh", "-c", "exit 125", "{}"]);
    expect([none.code, none.stdout]).toEqual([1, expect.stringContaining("0 good, 0 bad, 6 skipped")]);
  });

  it("that dies of a signal or takes too long has found something", () => {
    expect(json(["--at", "flush"], ["sh", "-c", "kill -SEGV $$", "{}"]).found.table[0]).toMatchObject({
      verdict: "bad",
      outcome: "ended by SIGSEGV",
    });
    const slow = json(["--at", "flush", "--timeout", "1"], ["sh", "-c", "sleep 60 & sleep 60", "{}"]);
    expect(slow.found.table[0]).toMatchObject({ verdict: "bad", outcome: "longer than 1 s" });
  });

  it("gets a state as it is even when the one before it was changed by it", () => {
    const repairing = [
      "sh",
      "-c",
      'printf x | dd of="$0" conv=notrunc bs=1 seek=51200 status=none; test "$(od -An -tx1 -j51201 -N1 "$0" | tr -d " ")" = 00 && dd if=/dev/zero of="$0" conv=notrunc bs=512 seek=101 count=1 status=none; test "$(od -An -tu1 -j52224 -N1 "$0" | tr -d " ")" = 3',
      "{}",
    ];
    // Sector 102 holds 3 from entry 2 on; sectors 100 and 101 are spoiled by the command each time.
    const { found } = json(["--at", "each", "--start-entry", "3", "--jobs", "1"], repairing);
    expect(found["first-bad"]).toBeUndefined();
  });

  it("can go through the shell when asked, and is shown before it runs", () => {
    const shell = bisect(["--shell", "--at", "flush"], ["cmp -s {} {} && true"]);
    expect(shell.code).toBe(0);
    expect(shell.stdout.split("\n")[0]).toMatch(
      /^6 states \(--at flush\), [0-9]+ at a time, judged by: cmp -s \{\} \{\} && true \(by the shell\)$/,
    );
    const dry = bisect(["--dry-run"], ["touch", cli.path("ran"), "{}"]);
    expect([dry.code, fs.existsSync(cli.path("ran"))]).toEqual([0, false]);
  });

  it.each([
    [["--at", "0"], checker, "after every 1 entry at least"],
    [["--at", "reorder:0"], checker, "a sample is 1 to"],
    [["--at", "fua"], [], "Expecting --check FORMAT, or -- and a command"],
    [["--check", "qed"], ["true", "{}"], "not by both"],
    [[], ["true"], "The command has no {}"],
    [["--torn"], checker, "--torn goes with --at reorder"],
    [["--at", "reorder", "--search", "binary"], checker, "have no order"],
    [["--jobs", "0"], checker, "Invalid --jobs"],
    [["--start-mark", "nosuch"], checker, "The log has no mark 'nosuch'"],
    [["--start-entry", "30"], checker, ""],
    [[], ["nosuchprogram", "{}"], "there is no such program"],
    [[], ["/etc/passwd", "{}"], "it may not be executed"],
    [["--check", "nosuch"], [], "No format with a check is named 'nosuch'"],
    [["--check", "file"], [], "No format with a check is named 'file'"],
    [["--check", "raw"], [], "No format with a check is named 'raw'"],
  ])("is not run for %j %j", (options, command, message) => {
    const { code, stderr } = bisect(options, command);
    expect(stderr).toContain(message);
    if (message !== "") expect(code).toBe(1);
    expect(fs.readdirSync(temp)).toEqual([]);
  });

  it.each(["SIGINT", "SIGTERM"] as const)(
    "is ended by %s, with its files removed and what was found shown",
    async (signal) => {
      cli.write("planted.log", planted.bytes);
      const pids = cli.path(`pids-${signal}`);
      const command = ["sh", "-c", `echo $$ >> '${pids}'; test $(wc -l < '${pids}') -lt 4 || sleep 60`, "{}"];
      const before = process.env.TMPDIR;
      process.env.TMPDIR = temp;
      const child = cli.start([
        "log",
        "bisect",
        "--at",
        "each",
        "--jobs",
        "2",
        "planted.log",
        "--",
        ...command,
      ]);
      process.env.TMPDIR = before ?? "";
      if (before === undefined) delete process.env.TMPDIR;
      let printed = "";
      child.stdout?.on("data", (chunk) => {
        printed += chunk;
      });
      const isUnderWay = () => fs.existsSync(pids) && fs.readFileSync(pids, "utf8").split("\n").length > 4;
      while (!isUnderWay()) await new Promise((resolve) => setTimeout(resolve, 20));
      child.kill(signal);
      const code = await new Promise((resolve) => child.once("close", resolve));
      expect(code).toBe(signal === "SIGINT" ? 130 : 143);
      expect(printed).toContain("Interrupted: the states above are those that were looked at until then.");
      expect(fs.readdirSync(temp)).toEqual([]);
      for (const pid of fs.readFileSync(pids, "utf8").trim().split("\n")) {
        expect(fs.existsSync(path.join("/proc", pid))).toBe(false);
      }
    },
  );
});
