// Filters over logs: the entries that pass are those that a plain evaluation of each entry's own record gives.
import { describe, expect, it } from "vitest";
import { BlockError } from "../../../core/base/errors.ts";
import { MemoryNode } from "../../../core/protocol/memory.ts";
import { filterIndex } from "../../../core/query/filterIndex.ts";
import { parseQuery } from "../../../core/query/parse.ts";
import type { Query } from "../../../core/query/tree.ts";
import { indexOf } from "../../build/indexedLog.ts";
import type { LogEntry } from "../../build/logReader.ts";
import { failureOf, filled } from "../../build/open.ts";
import { type Random, seeded } from "../../build/random.ts";
import { type MadeLog, makeLog, randomLog } from "../../build/randomLog.ts";

function queryOf(text: string): Query {
  const parsed = parseQuery(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.message}`);
  return parsed.query;
}

async function passing(log: MadeLog, text: string): Promise<number[]> {
  const { index, node } = await indexOf(log);
  return Array.from(await filterIndex(index, node, queryOf(text)));
}

const log = makeLog(512, [
  { sector: 8, payload: new Uint8Array(1024).fill(1) }, // 0: sectors 8 and 9
  { flags: 8, text: "Before fsync" }, // 1
  { sector: 10, flags: 18, payload: new Uint8Array(512) }, // 2: FUA, METADATA, zeroes
  { flags: 1 }, // 3
  { sector: 8, sectorCount: 2048, flags: 4 }, // 4: discards 1 MiB
  { sector: 3, flags: 1, payload: new Uint8Array(512).fill(9) }, // 5: flush with data
  { sector: 9 }, // 6: nothing
  { flags: 8, text: "mkfs" }, // 7
  { sector: 4, payload: new Uint8Array(1 << 20) }, // 8: a MiB of zeroes
]);

describe("entries that pass", () => {
  it.each([
    ["", [0, 1, 2, 3, 4, 5, 6, 7, 8]],
    ["op==write", [0, 2, 5, 8]],
    ["write", [0, 2, 5, 8]],
    ["op==flush", [3]],
    ["flush", [3, 5]],
    ["fua", [2]],
    ["meta", [2]],
    ["discard", [4]],
    ["empty", [6]],
    ["mark", [1, 7]],
    ["zero", [2, 8]],
    ["!zero && write", [0, 5]],
    ['mark ~ "FSYNC"', [1]],
    ['mark == "before fsync"', []],
    ['mark == "Before fsync"', [1]],
    ['mark && mark != "mkfs"', [1]],
    ["mark != mkfs", [0, 1, 2, 3, 4, 5, 6, 8]],
    // Sector 9 is the second of entry 0, in the discard and in the MiB from sector 4; entry 6 has no length.
    ["sector == 9", [0, 4, 8]],
    ["sector < 4", [5]],
    ["sector in 2048..4095", [4, 8]],
    // Entry 4 ends before sector 8 + 2048 = 2056, entry 8 before 2052.
    ["sector >= 2052", [4]],
    ["offset == 4KiB", [0, 4, 8]],
    ["offset < 0x601 && offset > 1535", [5]],
    ["len == 512", [2, 5]],
    ["len >= 1MiB", [4, 8]],
    ["sectors in 2..2047", [0]],
    ["flags == 18", [2]],
    ["entry in 6..", [6, 7, 8]],
    ["entry < 2 || (entry > 6 and not mark)", [0, 1, 8]],
  ])("%s", async (text, expected) => {
    expect(await passing(log, text)).toEqual(expected);
  });

  it("are looked for in part of the log only, as a log that grows needs", async () => {
    const { index, node } = await indexOf(log);
    expect(Array.from(await filterIndex(index, node, queryOf("write || mark"), {}, 2, 8))).toEqual([2, 5, 7]);
  });

  it("keep the test of data to entries for which it matters", async () => {
    const { index } = await indexOf(log);
    const read = () => Promise.reject(new BlockError("EIO", "It was read"));
    const broken = Object.assign(new MemoryNode("log", true, log.bytes), { read });
    const pass = async (text: string) => Array.from(await filterIndex(index, broken, queryOf(text)));
    expect((await failureOf(pass("zero && flush"))).message).toBe("It was read");
    expect(await pass("zero && (discard || empty)")).toEqual([]);
    expect(await pass("entry == 0 || !write && zero")).toEqual([0]);
  });
});

it("writes of zeroes are looked for in many entries at once, and not where nobody asks", async () => {
  const entries = Array.from({ length: 5000 }, (_, n) => ({ sector: n, payload: filled(512, n % 3) }));
  const made = makeLog(512, entries);
  const { index, node } = await indexOf(made);
  const asked: number[] = [];
  const read = async (offset: number, target: Uint8Array) => {
    asked.push(target.length);
    await node.read(offset, target);
  };
  const watched = Object.create(node, {
    size: { value: node.size },
    read: { value: read },
  }) as typeof node;
  const found = await filterIndex(index, watched, queryOf("zero"));
  expect(Array.from(found)).toEqual(entries.flatMap((_, n) => (n % 3 === 0 ? [n] : [])));
  // 5 MB of log: one entry, then 64 KiB, 128 KiB ... 1 MiB.
  expect(asked.length).toBeLessThan(12);
  asked.length = 0;
  // Each 100th entry: 100 KiB apart.
  const few = Array.from({ length: 50 }, (_, n) => `entry == ${100 * n}`).join(" || ");
  await filterIndex(index, watched, queryOf(`zero && (${few})`));
  expect(asked).toEqual(Array.from({ length: 50 }, () => 512));
});

it("a search that is canceled stops", async () => {
  const { index, node } = await indexOf(log);
  const job = { signal: AbortSignal.abort() };
  expect((await failureOf(filterIndex(index, node, queryOf("write"), job))).code).toBe("ECANCELED");
});

const names = ["write", "flush", "fua", "discard", "mark", "meta", "zero", "empty"];

/** A filter and, beside it, what it means for one record. */
interface Both {
  readonly text: string;
  readonly holds: (entry: LogEntry, number: number) => boolean;
}

function randomFilter(random: Random, depth: number): Both {
  const kind = depth === 0 ? random.below(4) : random.below(7);
  if (kind < 4) return random.pick([flagFilter, opFilter, numberFilter, markFilter])(random);
  const a = randomFilter(random, depth - 1);
  const b = randomFilter(random, depth - 1);
  if (kind === 4) return { text: `!(${a.text})`, holds: (...entry) => !a.holds(...entry) };
  if (kind === 5)
    return {
      text: `(${a.text}) && (${b.text})`,
      holds: (...e) => a.holds(...e) && b.holds(...e),
    };
  return { text: `(${a.text}) or (${b.text})`, holds: (...e) => a.holds(...e) || b.holds(...e) };
}

function opOf({ flags, sectorCount }: LogEntry): string {
  const bit = (value: number) => Math.floor(flags / value) % 2 === 1;
  if (bit(8)) return "mark";
  if (bit(4)) return "discard";
  if (sectorCount > 0) return "write";
  return bit(1) ? "flush" : "empty";
}

function flagFilter(random: Random): Both {
  const text = random.pick(names);
  const bits: Record<string, number> = { flush: 1, fua: 2, meta: 16 };
  return {
    text,
    holds: (entry) => {
      const value = bits[text];
      if (value !== undefined) return Math.floor(entry.flags / value) % 2 === 1;
      if (text === "zero") return opOf(entry) === "write" && entry.payload.every((byte) => byte === 0);
      return opOf(entry) === text;
    },
  };
}

function opFilter(random: Random): Both {
  const op = random.pick(["write", "flush", "discard", "mark", "empty"]);
  return { text: `op == ${op}`, holds: (entry) => opOf(entry) === op };
}

function markFilter(random: Random): Both {
  const text = random.pick(["mkfs", "fsync 1", "FSYNC 10", "é", "1"]);
  if (random.below(2) === 0) {
    return { text: `mark == "${text}"`, holds: (entry) => opOf(entry) === "mark" && entry.text === text };
  }
  const found = (entry: LogEntry) => entry.text.toLowerCase().includes(text.toLowerCase());
  return { text: `mark ~ "${text}"`, holds: (entry) => opOf(entry) === "mark" && found(entry) };
}

function numberFilter(random: Random): Both {
  const field = random.pick(["entry", "sector", "offset", "len", "sectors", "flags"]);
  const scale = field === "offset" || field === "len" ? 64 : 1;
  const value = random.below(40) * scale;
  const operator = random.pick(["==", "!=", "<", "<=", ">", ">=", "in"]);
  const to = value + random.below(5);
  const fits = (x: number) =>
    ({
      "==": x === value,
      "!=": x === value,
      "<": x < value,
      "<=": x <= value,
      ">": x > value,
      ">=": x >= value,
      in: x >= value && x <= to,
    })[operator] ?? false;
  const values = (entry: LogEntry, number: number): number[] => {
    const { sector, sectorCount } = entry;
    if (field === "entry") return [number];
    if (field === "flags") return [entry.flags];
    if (field === "sectors") return [sectorCount];
    if (field === "len") return [sectorCount * 64];
    if (field === "sector") return Array.from({ length: sectorCount }, (_, i) => sector + i);
    return Array.from({ length: sectorCount * 64 }, (_, i) => sector * 64 + i);
  };
  const text = operator === "in" ? `${field} in ${value}..${to}` : `${field} ${operator} ${value}`;
  return { text, holds: (entry, number) => values(entry, number).some(fits) !== (operator === "!=") };
}

it("random filters over random logs pass what each entry's record says", async () => {
  await seeded(async (random) => {
    let passed = 0;
    for (let round = 0; round < 12; round++) {
      const made = randomLog(random, 64, 40, 120);
      const { index, node } = await indexOf(made);
      for (let i = 0; i < 50; i++) {
        const { text, holds } = randomFilter(random, 3);
        const found = Array.from(await filterIndex(index, node, queryOf(text)));
        const expected = made.entries.flatMap((entry, number) => (holds(entry, number) ? [number] : []));
        expect([text, found]).toEqual([text, expected]);
        passed += found.length;
      }
    }
    expect(passed).toBeGreaterThan(1000);
  });
});
