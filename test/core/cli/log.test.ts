// `blkscope log`: what it prints of sound and damaged logs, and marks that it adds.
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readLog } from "../../build/logReader.ts";
import { filled, openForTest } from "../../build/open.ts";
import { type GivenEntry, makeLog } from "../../build/randomLog.ts";
import { Cli } from "./support.ts";

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
});
afterAll(() => cli.remove());

const write = (sector: number, sectors: number, flags = 0): GivenEntry => ({
  sector,
  flags,
  payload: filled(sectors * 512, 7),
});

// Headers at 0x200, 0x800, 0xa00, 0xc00, 0xe00, 0x1200, 0x1400, 0x1a00, 0x1c00; the end at 0x2000.
const sound = makeLog(512, [
  write(8, 2),
  { flags: 1 },
  { flags: 4, sector: 100, sectorCount: 50 },
  { flags: 8, text: "mkfs\u001b done" },
  write(3, 1, 2 + 16),
  { sector: 9 },
  write(1, 2),
  { flags: 1 },
  write(2, 1),
]).bytes;

function sample(name: string, change: (bytes: Buffer) => Uint8Array = (bytes) => bytes): string {
  return cli.write(name, change(Buffer.from(sound)));
}

/** The header at 0xe00 is no header any more. */
const damaged = (bytes: Buffer) => bytes.fill(0xee, 0xe00, 0xe20);
const countsFour = (bytes: Buffer) => {
  bytes.writeBigUInt64LE(4n, 16);
  return bytes;
};

describe("log info", () => {
  it("says what a log holds", () => {
    const { code, stdout, stderr } = cli.run(["log", "info", sample("sound.log")]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toBe(`log: sound.log
format: dm-log-writes, version 1
sector size: 512 bytes
log size: 8 KiB (8192 bytes)
entries: 9 found, 9 in the superblock
    writes             4  3 KiB (3072 bytes)
    with FUA           1
    with METADATA      1
    discards           1  25 KiB (25600 bytes)
    flushes            2
    marks              1
    writes of nothing  1
disk size: 75 KiB (76800 bytes) at least
end: complete at 0x2000. 9 entries, as the superblock counts
marks:
    entry 3: mkfs\\x1b done
`);
  });

  it("names the wall, and looks behind it when it is asked to", () => {
    const name = sample("damaged.log", damaged);
    const wall = "Entry 4 at 0xe00 can't be one: its flags are 0xeeeeeeeeeeeeeeee; 0x1f are all there are";
    const before = cli.run(["log", "info", name]);
    expect(before.code).toBe(2);
    expect(before.stdout).toContain(`end: bad-entry at 0xe00. ${wall}\n`);
    expect(before.stdout).toContain("With --recover, entries are looked for behind it.");
    const { code, stdout } = cli.run(["log", "info", "--recover", "--output", "json", name]);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      filename: name,
      format: "dm-log-writes",
      version: 1,
      "sector-size": 512,
      "log-size": 8192,
      "stated-entries": 9,
      entries: 7,
      "counted-entries": 4,
      operations: { writes: { count: 3, bytes: 2560 }, flushes: { count: 2 }, marks: { count: 1 } },
      "disk-size-at-least": 76_800,
      end: { kind: "torn", entry: 7, offset: 8192 },
      marks: [{ entry: 3, text: "mkfs\u001b done" }],
      // 0xe00 to 0x1400: the lost entry with its data, and a write of nothing, which looks like blank space.
      recovered: [{ first: 4, count: 3, offset: 0x1400, skipped: 0x600 }],
    });
  });

  it("shows both counts where they differ", () => {
    const { code, stdout } = cli.run(["log", "info", sample("four.log", countsFour)]);
    expect(code).toBe(0);
    expect(stdout).toContain("entries: 9 found (5 not counted), 4 in the superblock\n");
  });

  it("says what is no log, and of an empty file and one without a superblock that they are that", () => {
    const cases = [
      [
        "other.raw",
        filled(4096, 0x51),
        "This is no log of writes: its first 8 bytes are not those of the format",
      ],
      ["empty.log", new Uint8Array(0), "The file is empty: no writer has written to it yet"],
      ["early.log", Buffer.from(sound).fill(0, 0, 512), "There is no superblock yet"],
    ] as const;
    for (const [name, bytes, message] of cases) {
      const { code, stdout, stderr } = cli.run(["log", "info", cli.write(name, bytes)]);
      expect([name, code, stdout]).toEqual([name, 1, ""]);
      expect(stderr).toContain(`blkscope: '${name}' can't be read: ${message}`);
    }
    const { code, stdout } = cli.run(["log", "info", "--recover", "early.log"]);
    expect(code).toBe(2);
    expect(stdout).toContain("entries: 9 found (9 not counted), unknown in the superblock\n");
    expect(cli.run(["log", "info", "nowhere.log"])).toMatchObject({ code: 1, stdout: "" });
  });
});

describe("log list", () => {
  it("prints entries as a table", () => {
    const { code, stdout } = cli.run(["log", "list", sample("sound.log")]);
    expect(code).toBe(0);
    expect(stdout.split("\n").map((line) => line.trim().split(/ {2,}/))).toEqual([
      ["Entry", "Kind", "Offset", "Length", "In the log", "Flags"],
      ["0", "write", "0x1000", "1024", "0x200"],
      ["1", "flush", "-", "-", "0x800", "FLUSH"],
      ["2", "discard", "0xc800", "25600", "0xa00", "DISCARD"],
      ["3", "mark", "-", "-", "0xc00", 'MARK "mkfs\\x1b done"'],
      ["4", "write", "0x600", "512", "0xe00", "FUA METADATA"],
      ["5", "empty", "0x1200", "0", "0x1200"],
      ["6", "write", "0x200", "1024", "0x1400"],
      ["7", "flush", "-", "-", "0x1a00", "FLUSH"],
      ["8", "write", "0x400", "512", "0x1c00"],
      [""],
    ]);
  });

  it("prints a part of them as lines of JSON", () => {
    const name = sample("four.log", countsFour);
    const { code, stdout } = cli.run([
      "log",
      "list",
      "--from",
      "3",
      "--count",
      "2",
      "--output",
      "json",
      name,
    ]);
    expect(code).toBe(0);
    const place = { counted: true, recovered: false };
    expect(
      stdout
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    ).toEqual([
      {
        entry: 3,
        kind: "mark",
        flags: ["MARK"],
        offset: 0,
        length: 0,
        header: 0xc00,
        text: "mkfs\u001b done",
        ...place,
      },
      {
        entry: 4,
        kind: "write",
        flags: ["FUA", "METADATA"],
        offset: 1536,
        length: 512,
        header: 0xe00,
        data: 0x1000,
        ...place,
        counted: false,
      },
    ]);
  });

  it("says at the end why there is no more, and which entries were recovered", () => {
    const { code, stdout, stderr } = cli.run(["log", "list", sample("damaged.log", damaged)]);
    expect([code, stdout.split("\n").length]).toEqual([2, 1 + 4 + 1]);
    expect(stderr).toContain("warning: Entry 4 at 0xe00 can't be one");
    const more = cli.run(["log", "list", "--recover", "damaged.log"]);
    expect(more.stdout).toMatch(/ 4 {2}write .* 0x1400 {2}\(recovered\)\n/);
  });

  it.each([
    [["list", "--from", "9", "sound.log"], "The log has no entry 9; it has 9"],
    [["list", "--from", "-1", "sound.log"], "Invalid --from '-1': expecting a number of entries"],
    [["list", "--count", "1k", "sound.log"], "Invalid --count '1k': expecting a number of entries"],
    [["info", "--from", "1", "sound.log"], "log info takes no --from"],
    [["mark", "--fsck", "true", "sound.log", "x"], "log mark takes no --fsck"],
    [["list", "--output", "xml", "sound.log"], "--output must be used with human or json as argument."],
    [["list"], "Expecting log list LOG"],
    [["mark", "sound.log"], "Expecting log mark LOG TEXT"],
    [["toString", "sound.log"], "log has no 'toString'; expecting one of info, list, find, history"],
    [[], "Expecting one of info, list, find, history"],
  ])("%j is refused", (args, message) => {
    sample("sound.log");
    const { code, stdout, stderr } = cli.run(["log", ...args]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(`blkscope: ${message}`);
  });
});

describe("log mark", () => {
  it("adds a mark behind the last entry, and nothing else changes", () => {
    const name = sample("marked.log");
    expect(cli.run(["log", "mark", name, "état 1"])).toEqual({
      code: 0,
      signal: null,
      stdout: "",
      stderr: "",
    });
    const bytes = fs.readFileSync(cli.path(name));
    const { entries } = readLog(bytes);
    expect(entries).toHaveLength(10);
    expect(entries[9]).toMatchObject({ sector: 0, sectorCount: 0, flags: 8, text: "état 1" });
    expect(bytes.subarray(512, sound.length).equals(Buffer.from(sound.subarray(512)))).toBe(true);
    expect(cli.run(["log", "info", name]).stdout).toContain("entry 9: état 1\n");
    const told = cli.run(["log", "mark", "--output", "json", name, "état 2"]);
    expect([told.code, JSON.parse(told.stdout)]).toEqual([0, { entry: 10, text: "état 2" }]);
  });

  it("takes a text that fills the sector but for a zero byte, and no longer one", () => {
    const name = sample("long.log");
    expect(cli.run(["log", "mark", name, "m".repeat(479)]).code).toBe(0);
    const before = fs.readFileSync(cli.path(name));
    for (const [text, why] of [
      ["m".repeat(480), "The mark has 480 bytes; one sector of the log takes 479"],
      ["", "A mark needs a text"],
    ] as const) {
      const { code, stderr } = cli.run(["log", "mark", name, text]);
      expect([code, stderr]).toEqual([1, `blkscope: ${why}\n`]);
    }
    expect(fs.readFileSync(cli.path(name)).equals(before)).toBe(true);
  });

  it("refuses a log with a wall, with entries that are not counted, and what is no log", () => {
    const cases: readonly (readonly [string, number, RegExp])[] = [
      [sample("damaged.log", damaged), 2, /the log is not whole\. Entry 4/],
      [
        sample("torn.log", (bytes) => bytes.subarray(0, 8000)),
        2,
        /the log is not whole\. Entry 8 is cut off/,
      ],
      [sample("four.log", countsFour), 2, /would lie over 5 entries that the superblock does not count/],
      [cli.write("other.raw", filled(4096, 0x51)), 1, /no log of writes/],
      [cli.write("empty.log", ""), 1, /is empty/],
    ];
    for (const [name, exit, message] of cases) {
      const before = fs.readFileSync(cli.path(name));
      const { code, stderr } = cli.run(["log", "mark", name, "x"]);
      expect([name, code]).toEqual([name, exit]);
      expect(stderr).toMatch(message);
      expect(fs.readFileSync(cli.path(name)).equals(before)).toBe(true);
    }
    expect(cli.run(["log", "mark", "--over-tail", "four.log", "x"]).code).toBe(0);
    expect(readLog(fs.readFileSync(cli.path("four.log"))).entries.at(-1)).toMatchObject({
      flags: 8,
      text: "x",
    });
  });

  it("refuses a log that another program is writing", async () => {
    const name = sample("busy.log");
    await openForTest(
      {
        driver: "blklogwrites",
        file: { driver: "memory", size: 65_536 },
        log: { driver: "file", filename: cli.path(name) },
        "log-append": true,
      },
      { readOnly: false },
    );
    const { code, stderr } = cli.run(["log", "mark", name, "x"]);
    expect(code).toBe(1);
    expect(stderr).toContain(`'${name}' is in use`);
    expect(fs.readFileSync(cli.path(name)).equals(Buffer.from(sound))).toBe(true);
  });
});

describe("log ACTION --help", () => {
  it("is about that action alone", () => {
    const { code, stdout } = cli.run(["log", "find", "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain("Usage: blkscope log find [OPTION...] LOG FILTER\n\nfind prints");
    const options = [...stdout.matchAll(/^ {2}(?:-\w, | {4})--([\w-]+)/gm)].map(([, name]) => name);
    expect(options).toEqual([
      ...["from", "count", "recover", "output", "image-opts", "force-share", "object", "events", "help"],
    ]);
    expect([...stdout.matchAll(/^(\w.*):\n {2}/gm)].map(([, title]) => title)).toEqual([
      ...["Options", "Output of list and find (json)", "Exit codes", "Examples"],
    ]);
  });

  it("is there for every action, and without one about all of them", () => {
    const whole = cli.run(["log", "--help"]).stdout;
    const actions = [...whole.matchAll(/^(?:Usage:| {6}) blkscope log (\w+) /gm)].map(
      ([, name = ""]) => name,
    );
    expect(new Set(actions).size).toBe(9);
    for (const action of actions) {
      const { code, stdout } = cli.run(["log", action, "--help"]);
      expect([action, code, stdout.startsWith(`Usage: blkscope log ${action} [OPTION...]`)]).toEqual([
        action,
        0,
        true,
      ]);
      expect(stdout).toContain(`\n\n${action} `);
      expect(stdout).toContain(`  blkscope log ${action} `);
    }
    expect(cli.run(["log", "constructor", "--help"]).stdout).toBe(whole);
  });
});
