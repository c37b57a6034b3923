// Repairs of qcow2 images beside those of the stock programs: seeded damage of images with a seeded history.
import * as fs from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openGraph } from "../../core/graph.ts";
import { readJournal } from "../../core/repair/journal.ts";
import { newJournal } from "../../core/repair/journalFile.ts";
import { defaultItems, offerRepair } from "../../core/repair/offer.ts";
import { applyJournal, undoJournal } from "../../core/repair/run.ts";
import { seeded } from "../build/random.ts";
import { damage, seededImage } from "../build/seededQcow2.ts";
import { Cli, describeWithQemu, type Ran } from "../core/cli/support.ts";
import { watchFiles } from "../crash/fileFaults.ts";

let cli: Cli;
let restore: () => void;
beforeAll(async () => {
  cli = await Cli.build();
  // Nothing here asks what a power cut leaves, and hundreds of syncs take most of the time.
  restore = watchFiles({ skipSyncs: true, fault: () => undefined });
});
afterAll(() => {
  restore();
  cli.remove();
});

/** Images, and how often each is damaged anew. */
const images = 25;
const damages = 8;
const name = "seeded.qcow2";

/** Guest clusters as text; undefined where reading fails. */
async function guestOf(cluster: number): Promise<Map<number, string | undefined>> {
  const spec = { driver: "qcow2", file: { driver: "file", filename: cli.path(name) } };
  const graph = await openGraph(spec, { readOnly: true, forceShare: true, toInspect: true });
  const found = new Map<number, string | undefined>();
  const step = Math.min(cluster, 4096);
  try {
    for (let offset = 0; offset < graph.root.size; offset += step) {
      const bytes = new Uint8Array(Math.min(step, graph.root.size - offset));
      const text = await graph.root.read(offset, bytes).then(
        () => Buffer.from(bytes).toString("latin1"),
        () => undefined,
      );
      found.set(offset, text);
    }
  } finally {
    await graph.close();
  }
  return found;
}

/** Where there are bitmaps, the stock program's repair forgets the snapshots, and frees what they hold. */
function losesSnapshots(bytes: Buffer): boolean {
  const hasBitmaps = bytes.readUInt32BE(4) === 3 && (bytes.readBigUInt64BE(88) & 1n) !== 0n;
  return hasBitmaps && bytes.readUInt32BE(60) > 0;
}

describeWithQemu("repair of qcow2 images", () => {
  it("mends what chance broke, changes nothing unnamed, and takes every byte back", async () => {
    await seeded(async (random) => {
      let whole = 0;
      for (let image = 0; image < images; image++) {
        const cluster = seededImage(cli, name, random);
        const sound = fs.readFileSync(cli.path(name));
        for (let round = 0; round < damages; round++) {
          fs.writeFileSync(cli.path(name), sound);
          damage(cli.path(name), cluster, random);
          if (await mendsIt(cluster, `image ${image}, damage ${round}`)) whole++;
        }
      }
      // What is left are snapshots' L1 tables that are nowhere, and images that no program opens.
      if (process.env.BLKSCOPE_SEED === undefined) expect(whole).toBeGreaterThan((images * damages) / 2);
    });
  }, 600_000);

  it("check -r ends as that of the stock program, with the same counts and lines", async () => {
    linesCompared = 0;
    await seeded(async (random) => {
      for (let round = 0; round < 12; round++) {
        damage(cli.path(name), seededImage(cli, name, random), random);
        if (losesSnapshots(fs.readFileSync(cli.path(name)))) continue;
        for (const what of ["leaks", "all"]) compareRepairs(what, `round ${round}, -r ${what}`);
      }
    });
    if (process.env.BLKSCOPE_SEED === undefined) expect(linesCompared).toBeGreaterThan(100);
  }, 240_000);

  /** 2 MiB with 128 KiB of data: refcount table in cluster 1, its block in 2, L1 in 3, L2 table in 4, data in 5 and 6. */
  const cluster = 65536;
  const twoClusters = () => {
    fs.rmSync(cli.path(name), { force: true });
    cli.qemuImg("create", "-q", "-f", "qcow2", name, "2M");
    cli.qemuIo("-f", "qcow2", "-c", "write -P 7 0 128k", name);
    return Buffer.concat([fs.readFileSync(cli.path(name)), Buffer.alloc(cluster)]);
  };
  const refcount = (index: number, value: number) => (bytes: Buffer) =>
    bytes.writeUInt16BE(value, 2 * cluster + index * 2);
  const entry = (index: number, value: bigint) => (bytes: Buffer) =>
    bytes.writeBigUInt64BE(value, 4 * cluster + index * 8);
  const data = BigInt(5 * cluster);
  const copied = 1n << 63n;
  // Last how many lines the stock program prints in both repairs together, where both mend the same.
  it.each<
    [string, (bytes: Buffer) => unknown, codes: [check: number, leaks: number, all: number], lines: number]
  >([
    ["a leaked cluster", refcount(7, 1), [3, 0, 0], 4],
    ["a refcount too high", refcount(5, 2), [2, 0, 0], 4],
    ["a refcount of 0 on a used cluster", refcount(5, 0), [2, 1, 0], 0],
    ["two entries to one cluster", entry(2, data | copied), [2, 2, 0], 6],
    ["a wrong COPIED flag", entry(0, data), [2, 0, 0], 2],
    ["a cluster that is not aligned", entry(0, (data + 512n) | copied), [2, 2, 2], 8],
    ["a zero cluster that is not aligned", entry(0, (data + 512n) | 1n | copied), [2, 2, 0], 6],
    ["reserved bits", entry(0, data | 2n | copied), [2, 2, 2], 2],
    ["data past the end", entry(2, (1n << 30n) | copied), [2, 2, 2], 5],
    ["the dirty bit", (bytes) => bytes.writeBigUInt64BE(1n, 72), [0, 0, 0], 0],
    ["the corrupt bit", (bytes) => bytes.writeBigUInt64BE(2n, 72), [0, 0, 0], 0],
  ])(
    "check, check -r leaks and check -r all answer %s as the stock program does",
    (_, breaks, codes, lines) => {
      const bytes = twoClusters();
      breaks(bytes);
      fs.writeFileSync(cli.path(name), bytes);
      linesCompared = 0;
      const { code } = cli.run(["check", name]);
      const ran = [code, ...["leaks", "all"].map((what) => compareRepairs(what, `-r ${what}`))];
      expect(ran).toEqual(codes);
      expect(linesCompared).toBe(lines);
    },
  );

  it.each<[string, (bytes: Buffer) => unknown, lines: string[]]>([
    [
      "a leaked cluster",
      refcount(7, 1),
      ["Leaked cluster 7 refcount=1 reference=0", "Repairing cluster 7 refcount=1 reference=0"],
    ],
    [
      "two entries to one cluster",
      entry(2, data | copied),
      [
        "ERROR cluster 5 refcount=1 reference=2",
        "Repairing cluster 5 refcount=1 reference=2",
        ...Array(2).fill("Repairing OFLAG_COPIED data cluster: l2_entry=8000000000050000 refcount=2"),
      ],
    ],
  ])(
    "opening an image that was not closed cleanly tells of %s as the stock program does",
    (_, breaks, lines) => {
      const bytes = twoClusters();
      bytes.writeBigUInt64BE(1n, 72);
      breaks(bytes);
      const opened = (run: (args: string[]) => Ran) => {
        fs.writeFileSync(cli.path(name), bytes);
        const { code, stderr } = run(["-f", "qcow2", "-c", "read -P 7 0 64k", name]);
        return { code, stderr, image: fs.readFileSync(cli.path(name)).toString("latin1") };
      };
      const theirs = opened((args) => cli.qemuIo(...args));
      const ours = opened((args) => cli.run(args, { BLKSCOPE_AS: "qemu-io" }));
      expect(theirs.stderr).toBe(lines.map((line) => `${line}\n`).join(""));
      expect(ours.stderr).toBe(theirs.stderr);
      expect([ours.code, ours.image === theirs.image]).toEqual([theirs.code, true]);
    },
  );
});

/** Whether everything could be mended. */
async function mendsIt(cluster: number, round: string): Promise<boolean> {
  const filename = cli.path(name);
  const original = fs.readFileSync(filename);
  const options = { readOnly: false, dirty: "untouched" } as const;
  const spec = { driver: "qcow2", file: { driver: "file", filename } };
  // There are images that nobody opens.
  const graph = await openGraph(spec, options).catch(() => undefined);
  if (graph === undefined) return false;
  const before = await guestOf(cluster);
  const file = graph.nodeAt("file");
  if (!file) throw new Error("no file");
  const offer = await offerRepair(graph.root);
  const script = offer.script(defaultItems(offer));
  const opened = await newJournal(`${filename}.undo`, file, script, filename, {});
  await applyJournal(file, opened.file, opened.journal);
  await graph.root.reload?.();
  await graph.close();
  const peer = cli.qemuImg("check", "-f", "qcow2", name);
  const items = offer.items.map(({ id, problem }) => `${id} ${problem}`);
  const why = [round, peer.stdout, peer.stderr, ...items, ...offer.unmended].join("\n");
  // Snapshots are given up only when that is asked for.
  const isAskedFor = offer.items.some(({ id, isDefault }) => id === "snapshot-table" && !isDefault);
  const isWhole = offer.unmended.length === 0 && offer.dropped === 0 && !isAskedFor;
  if (isWhole) expect([0, 3], why).toContain(peer.code);
  const after = await guestOf(cluster);
  const named = offer.items.filter(({ id }) => script.items.includes(id)).flatMap(({ guest }) => guest);
  for (const [offset, text] of before) {
    const isNamed = named.some((range) => range.offset <= offset && offset < range.offset + range.length);
    if (!isNamed) expect(after.get(offset) === text, `at ${offset}: ${why}`).toBe(true);
  }
  const raw = await openGraph({ driver: "file", filename }, { readOnly: false });
  const journal = await readJournal(opened.file);
  if (journal) await undoJournal(raw.root, opened.file, journal);
  await raw.close();
  await opened.close();
  fs.rmSync(`${filename}.undo`);
  expect(Buffer.compare(fs.readFileSync(filename), original), `undone: ${why}`).toBe(0);
  return isWhole;
}

/** Of what the stock program printed while it repaired, in all comparisons. */
let linesCompared = 0;

/** Answers the exit code of ours. */
function compareRepairs(what: string, round: string): number | null {
  const repaired = (file: string, run: (args: string[]) => Ran) => {
    fs.copyFileSync(cli.path(name), cli.path(file));
    const { code, stdout, stderr } = run(["check", "-f", "qcow2", "-r", what, file]);
    // Where new refcount structures are put is each program's own affair.
    const counts = stdout.replace(/Image end offset: .*/, "");
    return { code, stdout, counts, again: cli.qemuImg("check", file).code, stderr };
  };
  const theirs = repaired("theirs.qcow2", (args) => cli.qemuImg(...args));
  const ours = repaired("ours.qcow2", (args) => cli.run(args, { BLKSCOPE_AS: "qemu-img" }));
  const why = `${round}\n${theirs.counts}${theirs.stderr}\n${ours.counts}${ours.stderr}`;
  // It gives up where writing would overlap something, and where blocks are not aligned.
  if (what === "all" && theirs.code === 1) expect([0, 1, 2], why).toContain(ours.code);
  else expect([ours.code, ours.again], why).toEqual([theirs.code, theirs.again]);
  if (theirs.code === 0) expect(ours.counts, why).toBe(theirs.counts);
  // Refcount structures that are in order stay where they are: the stock program makes all of them anew, and says so.
  const mendsTheSame =
    ours.stdout === theirs.stdout && !theirs.stderr.includes("Rebuilding refcount structure");
  if (mendsTheSame && theirs.code !== 1) {
    expect(ours.stderr, why).toBe(theirs.stderr);
    linesCompared += theirs.stderr.split("\n").length - 1;
  }
  return ours.code;
}
