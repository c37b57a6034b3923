// `blkscope repair` as a person uses it: what it prints, what it refuses, what it leaves behind, with qemu-img as the
// judge of mended images and as a second reader of what guests find in them.
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openGraph } from "../../core/graph.ts";
import { brokenQed, brokenCluster as cluster, corruptedQed } from "../build/brokenQed.ts";
import { buildQed } from "../build/qed.ts";
import { seeded } from "../build/random.ts";
import { Cli, describeWithQemu, type Ran } from "../core/cli/support.ts";

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
});
afterAll(() => cli.remove());

const repair = (...args: string[]): Ran => cli.run(["repair", ...args]);
const bytesOf = (name: string) => fs.readFileSync(cli.path(name));
const lines = (text: string) => text.trimEnd().split("\n");

/**
 * Header, L1 table (2 clusters, 0x1000), L2 table (2 clusters, 0x3000), one data cluster at 0x5000: 0x6000 = 24576
 * bytes. Entry 5, at 0x3000 + 5 * 8 = 0x3028, points behind that; bit 1 of the features at 0x10 is set.
 */
function small(name: string): Uint8Array {
  const clusters = new Map([[0, new Uint8Array(cluster).fill(1)]]);
  const spec = { size: 1024 * cluster, clusterSize: cluster, tableSize: 2, clusters, features: 2n };
  const { bytes } = buildQed({ ...spec, l2: [[0, 5, 0x7000_0000n]] });
  for (const left of [name, `${name}.blkscope-undo`]) fs.rmSync(cli.path(left), { force: true });
  cli.write(name, bytes);
  return bytes;
}

describe("repair --plan", () => {
  it("prints each item with its effect, its bytes before and after, and what it needs", () => {
    const original = small("plan.qed");
    const { code, stdout, stderr } = repair("--plan", "plan.qed");
    expect({ code, stderr }).toEqual({ code: 2, stderr: "" });
    expect(lines(stdout)).toEqual([
      "[x] clear:0x3028  (cannot be undone elsewhere)",
      "    L1[0] -> L2[5] is 0x70000000: it points past the end of the file (0x6000)",
      "    4 KiB at guest offset 20480 reads as zeroes; until now it can't be read.",
      "    0x3028: 0000007000000000 -> 0000000000000000",
      "[x] clear-dirty-bit  (safe)",
      "    The image is marked as not properly closed",
      "    Nothing reads differently; programs that open the image do not check it first.",
      "    0x10: 0200000000000000 -> 0000000000000000",
      "    needs clear:0x3028",
      "The file will have 24576 bytes; it has 24576.",
    ]);
    // --plan is what is done when nothing is said.
    expect(repair("plan.qed").stdout).toBe(stdout);
    expect(bytesOf("plan.qed").equals(original)).toBe(true);
    expect(fs.existsSync(cli.path("plan.qed.blkscope-undo"))).toBe(false);
  });

  it("has the same as JSON, with what stands in the way", () => {
    small("json.qed");
    const plan = JSON.parse(
      repair("--plan", "--output", "json", "--only", "clear:0x3028", "json.qed").stdout,
    );
    expect(plan).toMatchObject({
      filename: "json.qed",
      "file-size": 24576,
      "new-file-size": 24576,
      items: [
        {
          id: "clear:0x3028",
          action: "clear-entry",
          guest: [{ offset: 20480, length: 4096 }],
          risk: "cannot-be-undone-elsewhere",
          needs: [],
          file: { offset: 0x3028, length: 8 },
          grows: 0,
          chosen: true,
          "old-bytes": "0000007000000000",
          "new-bytes": "0000000000000000",
        },
        { id: "clear-dirty-bit", needs: ["clear:0x3028"], chosen: false },
      ],
      unmended: [],
      dropped: 0,
      leaks: [],
    });
    const states = plan.preflight.map(({ id, state }: { id: string; state: string }) => `${id} ${state}`);
    expect(states).toEqual([
      "readable ok",
      "writable ok",
      "in-use ok",
      "journal-place ok",
      "journal-space ok",
      "unfinished ok",
      "backing ok",
      "copy-space ok",
    ]);
  });

  it("ends with 0 when there is nothing to mend", () => {
    cli.write("sound.qed", buildQed({ size: 1024 * cluster, clusterSize: cluster, tableSize: 2 }).bytes);
    expect(repair("sound.qed")).toMatchObject({ code: 0, stdout: "There is nothing to mend.\n", stderr: "" });
    expect(repair("--apply", "sound.qed")).toMatchObject({
      code: 0,
      stdout: "0 items were mended; 0 can be mended still.\n",
    });
    expect(fs.existsSync(cli.path("sound.qed.blkscope-undo"))).toBe(false);
  });
});

describe("repair --apply", () => {
  it("mends what --only names, and refuses names that are not in the plan or lack what they need", () => {
    const original = small("only.qed");
    const refused = (ids: string, message: string) => {
      expect(repair("--apply", "--only", ids, "only.qed")).toMatchObject({ code: 1, stdout: "" });
      expect(repair("--apply", "--only", ids, "only.qed").stderr).toContain(message);
      expect(bytesOf("only.qed").equals(original)).toBe(true);
    };
    refused("clear:0x9999", "There is no repair 'clear:0x9999' for this image");
    refused("clear-dirty-bit", "The repair 'clear-dirty-bit' needs 'clear:0x3028', which is not chosen");
    const ran = repair("--apply", "--only", "clear:0x3028", "only.qed");
    expect(ran).toMatchObject({ code: 2, stderr: "" });
    expect(ran.stdout).toBe("1 item was mended; 1 can be mended still.\n");
    const expected = Buffer.from(original);
    expected.fill(0, 0x3028, 0x3030);
    expect(bytesOf("only.qed").equals(expected)).toBe(true);
  });

  it("keeps its journal where --journal says, and never writes over a file there", () => {
    const original = small("elsewhere.qed");
    fs.mkdirSync(cli.path("journals"));
    cli.write("journals/taken", "something of mine");
    const taken = repair("--apply", "--journal", "journals/taken", "elsewhere.qed");
    expect(taken).toMatchObject({ code: 1, stdout: "" });
    expect(taken.stderr).toContain("There is an undo journal already: ");
    expect(bytesOf("journals/taken").toString()).toBe("something of mine");
    expect(bytesOf("elsewhere.qed").equals(original)).toBe(true);
    expect(repair("--apply", "--journal", "journals/mine", "elsewhere.qed").code).toBe(0);
    expect(fs.readdirSync(cli.path("journals")).sort()).toEqual(["mine", "taken"]);
    // A file in another folder is not touched because a journal names it.
    const unasked = repair("--undo", "journals/mine");
    expect(unasked).toMatchObject({ code: 1, stdout: "" });
    expect(unasked.stderr).toContain("The image is not beside its journal");
    expect(unasked.stderr).toContain("name it as the last argument");
    expect(bytesOf("elsewhere.qed").equals(original)).toBe(false);
    expect(repair("--undo", "journals/mine", "elsewhere.qed")).toMatchObject({ code: 0, stderr: "" });
    expect(bytesOf("elsewhere.qed").equals(original)).toBe(true);
  });

  it("mends a copy and leaves the image alone; holes stay holes", () => {
    const original = small("source.qed");
    // A tail of 64 MiB that takes no space on the disk.
    fs.truncateSync(cli.path("source.qed"), 64 * 1024 * 1024);
    const ran = repair("--apply", "--copy", "mended.qed", "--only", "clear:0x3028", "source.qed");
    expect(ran).toMatchObject({ code: 2, stderr: "" });
    expect(bytesOf("source.qed").subarray(0, original.length).equals(original)).toBe(true);
    const mended = fs.statSync(cli.path("mended.qed"));
    expect(mended.size).toBe(64 * 1024 * 1024);
    expect(mended.blocks * 512).toBeLessThan(1024 * 1024);
    expect(bytesOf("mended.qed").readBigUInt64LE(0x3028)).toBe(0n);
    expect(fs.existsSync(cli.path("source.qed.blkscope-undo"))).toBe(false);
    expect(fs.existsSync(cli.path("mended.qed.blkscope-undo"))).toBe(true);
    const again = repair("--apply", "--copy", "mended.qed", "source.qed");
    expect(again).toMatchObject({ code: 1, stdout: "" });
    expect(again.stderr).toContain("There is a file already: 'mended.qed'");
    expect(fs.readdirSync(cli.folder).filter((name) => name.includes("partial"))).toEqual([]);
  });

  it("looks for what would stop it before the copy is made, and leaves no copy in which nothing is mended", () => {
    const original = small("before.qed");
    cli.write("before.raw", new Uint8Array(512));
    const copy = ["--apply", "--copy", "unmended.qed"];
    const nowhere = cli.path("absent");
    const refusals: [string[], string][] = [
      [["--journal", "unmended.qed", "before.qed"], "The copy and its undo journal can't be one file"],
      [["--journal", `${nowhere}/j`, "before.qed"], `The undo journal can't be written to '${nowhere}'`],
      [["--journal", "before.raw", "before.qed"], "There is an undo journal already"],
      [["--only", "clear:0x1", "before.qed"], "There is no repair 'clear:0x1'"],
      [["--only", "clear-dirty-bit", "before.qed"], "needs 'clear:0x3028', which is not chosen"],
      [["-f", "raw", "before.raw"], "This image format does not support repairs"],
    ];
    for (const [args, message] of refusals) {
      const { stdout, stderr } = repair(...copy, ...args);
      expect({ stdout, stderr }).toEqual({ stdout: "", stderr: expect.stringContaining(message) });
      expect(fs.readdirSync(cli.folder).filter((name) => name.startsWith("unmended"))).toEqual([]);
    }
    expect(repair("--apply", "--copy", `${nowhere}/c.qed`, "before.qed").stderr).toContain(
      `A copy can't be written to '${nowhere}': No such file or directory`,
    );
    expect(bytesOf("before.qed").equals(original)).toBe(true);
  });

  it("is refused where a debugging driver lies between the image and its file", () => {
    const original = small("below.qed");
    const options = "driver=qed,file.driver=blkdebug,file.image.filename=below.qed";
    expect(repair("--apply", "--image-opts", options)).toMatchObject({
      code: 1,
      stdout: "",
      stderr:
        "blkscope: The image is not right in a file, so it could not be found again to take its repair back\n" +
        "Name its file itself, without a driver between them.\n",
    });
    expect(bytesOf("below.qed").equals(original)).toBe(true);
    // Looked at it can be.
    expect(repair("--plan", "--image-opts", options)).toMatchObject({ code: 2, stderr: "" });
  });

  it("says what it did as JSON", () => {
    small("report.qed");
    expect(JSON.parse(repair("--apply", "--output", "json", "report.qed").stdout)).toEqual({
      mended: ["clear:0x3028", "clear-dirty-bit"],
      left: [],
      unmended: [],
      dropped: 0,
      leaked: { ranges: 0, bytes: 0 },
    });
  });

  it("says what stays leaked: a QED image has no way to use it again", () => {
    const data = new Uint8Array(cluster).fill(1);
    const clusters = new Map([
      [0, data],
      [1, data],
    ]);
    // The first of the two clusters, 4 KiB, is nobody's any more; the other one lies behind it.
    const spec = { size: 1024 * cluster, clusterSize: cluster, tableSize: 2, clusters };
    cli.write("middle.qed", buildQed({ ...spec, l2: [[0, 0, 0n]] }).bytes);
    expect(repair("--apply", "middle.qed").stdout).toBe(
      "0 items were mended; 0 can be mended still.\n" +
        "4 KiB are leaked: nothing uses them. --rescue-leaks writes what is in them to a file.\n",
    );
  });
});

describe("repair --undo and --resume", () => {
  it("take back and do again as often as asked, and only say so with --dry-run", () => {
    const original = small("undo.qed");
    repair("--apply", "undo.qed");
    const mended = bytesOf("undo.qed");
    expect(mended.equals(original)).toBe(false);
    const journal = "undo.qed.blkscope-undo";
    expect(lines(repair("--undo", journal, "--dry-run").stdout)).toEqual([
      "The repair of 'undo.qed' can be taken back.",
      "    0x3028: 0000000000000000 -> 0000007000000000",
      "    0x10: 0000000000000000 -> 0200000000000000",
      "The file will have 24576 bytes.",
    ]);
    const shown = JSON.parse(repair("--undo", journal, "--dry-run", "--output", "json").stdout);
    expect(shown).toEqual({
      filename: "undo.qed",
      journal,
      action: "undo",
      "dry-run": true,
      state: "verified",
      "new-file-size": 24576,
      writes: [
        { offset: 0x3028, bytes: "0000007000000000" },
        { offset: 0x10, bytes: "0200000000000000" },
      ],
    });
    expect(bytesOf("undo.qed").equals(mended)).toBe(true);
    for (let round = 0; round < 2; round++) {
      const undone = repair("--undo", journal);
      expect(undone).toMatchObject({
        code: 0,
        stdout: "The repair of 'undo.qed' is taken back.\n",
        stderr: "",
      });
      expect(bytesOf("undo.qed").equals(original)).toBe(true);
    }
    expect(repair("--resume", journal, "--dry-run").code).toBe(0);
    expect(bytesOf("undo.qed").equals(original)).toBe(true);
    expect(repair("--resume", journal)).toMatchObject({
      code: 0,
      stdout: "The repair of 'undo.qed' is finished.\n",
    });
    expect(bytesOf("undo.qed").equals(mended)).toBe(true);
  });

  it("take the image that is named as the last argument, and refuse another one", () => {
    const original = small("moved.qed");
    repair("--apply", "moved.qed");
    fs.mkdirSync(cli.path("away"));
    fs.renameSync(cli.path("moved.qed"), cli.path("away/renamed.qed"));
    const missing = repair("--undo", "moved.qed.blkscope-undo");
    expect(missing).toMatchObject({ code: 1, stdout: "" });
    expect(missing.stderr).toContain("The image is not beside its journal");
    cli.write("other.qed", brokenQed());
    const other = repair("--undo", "moved.qed.blkscope-undo", "other.qed");
    expect(other.code).toBe(1);
    expect(other.stderr).toContain("The image has changed since the repair was planned");
    expect(bytesOf("other.qed").equals(brokenQed())).toBe(true);
    expect(repair("--undo", "moved.qed.blkscope-undo", "away/renamed.qed").code).toBe(0);
    expect(bytesOf("away/renamed.qed").equals(original)).toBe(true);
  });

  it("refuse what is no journal, and name it", () => {
    small("image.qed");
    const said = (name: string) => lines(repair("--undo", name).stderr)[0];
    expect(said("image.qed")).toContain("'image.qed' can't be used: The file is not an undo journal");
    cli.write("empty", "");
    expect(said("empty")).toContain("'empty' can't be used: The undo journal is empty");
    expect(said("absent")).toContain("Could not open 'absent'");
  });
});

describe("repair --rescue-leaks", () => {
  it("writes leaked clusters to a file and their places to another, and only reads the image", () => {
    // Of three clusters the entry of the second is gone.
    const clusters = new Map([1, 2, 3].map((value, i) => [i, new Uint8Array(cluster).fill(value)]));
    const spec = { size: 1024 * cluster, clusterSize: cluster, tableSize: 2, clusters };
    const { bytes, dataOffsets } = buildQed({ ...spec, l2: [[0, 1, 0n]] });
    cli.write("leaky.qed", bytes);
    const plan = repair("leaky.qed");
    expect(plan.stdout).toContain("4 KiB are leaked: nothing uses them. --rescue-leaks writes");
    const ran = repair("--rescue-leaks", "leaked.bin", "leaky.qed");
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(ran.stdout).toBe(
      "4 KiB of leaked clusters are in 'leaked.bin', and where they were in 'leaked.bin.json'.\n",
    );
    expect(bytesOf("leaked.bin").equals(Buffer.alloc(cluster, 2))).toBe(true);
    expect(JSON.parse(bytesOf("leaked.bin.json").toString())).toEqual({
      image: cli.path("leaky.qed"),
      "cluster-size": cluster,
      ranges: [{ "image-offset": dataOffsets.get(1), length: cluster, kind: "rescued", "rescue-offset": 0 }],
      "rescued-bytes": cluster,
      "zero-bytes": 0,
      "unreadable-bytes": 0,
    });
    expect(bytesOf("leaky.qed").equals(bytes)).toBe(true);
    const again = repair("--rescue-leaks", "leaked.bin", "leaky.qed");
    expect(again).toMatchObject({ code: 1, stdout: "" });
    expect(again.stderr).toContain("There is a file already: 'leaked.bin'");
    expect(JSON.parse(repair("--rescue-leaks", "more", "--output", "json", "leaky.qed").stdout)).toEqual({
      filename: "more",
      index: "more.json",
      "rescued-bytes": cluster,
      "zero-bytes": 0,
      "unreadable-bytes": 0,
    });
  });
});

describe("repair", () => {
  it.each([
    [["--plan", "--apply", "x"], "exclude each other"],
    [["--undo", "j", "--resume", "j"], "exclude each other"],
    [["--plan"], "Expecting one image file name"],
    [["a", "b"], "Expecting one image file name"],
    [["--undo", "j", "a", "b"], "Expecting one image file name"],
    [["--dry-run", "a"], "--dry-run goes with --undo or --resume"],
    [["--apply", "--dry-run", "a"], "--dry-run goes with --undo or --resume"],
    [["--copy", "b", "a"], "--copy goes with --apply"],
    [["--undo", "j", "--only", "x"], "--only goes with --plan or --apply"],
    [["--resume", "j", "--journal", "x"], "--journal goes with --plan or --apply"],
    [["--resume", "j", "--copy", "x"], "--copy goes with --apply"],
    [["--rescue-leaks", "o", "--plan", "a"], "exclude each other"],
    [["--rescue-leaks", "o", "--journal", "j", "a"], "--journal goes with --plan or --apply"],
    [["--rescue-leaks", "o"], "Expecting one image file name"],
    [["--output", "xml", "a"], "--output must be used with human or json"],
    [["--nothing"], "unrecognized option '--nothing'"],
    [["--apply", "absent.qed"], "Could not open 'absent.qed'"],
  ])("refuses %j", (args, message) => {
    const { code, stdout, stderr } = repair(...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(message);
  });

  it("ends with 63 for a format without repairs", () => {
    cli.write("disk.raw", Buffer.alloc(4096));
    const { code, stderr } = repair("--apply", "-f", "raw", "disk.raw");
    expect({ code, said: lines(stderr)[0] }).toEqual({
      code: 63,
      said: "blkscope: This image format does not support repairs",
    });
  });
});

/** All the guest can read of the broken image by clusters; undefined where it can't. */
async function guestOf(name: string): Promise<(Uint8Array | undefined)[]> {
  const graph = await openGraph({ driver: "qed", file: { driver: "file", filename: cli.path(name) } });
  try {
    const clusters: (Uint8Array | undefined)[] = [];
    for (let offset = 0; offset < graph.root.size; offset += cluster) {
      const bytes = new Uint8Array(cluster);
      const isRead = await graph.root.read(offset, bytes).then(
        () => true,
        () => false,
      );
      clusters.push(isRead ? bytes : undefined);
    }
    return clusters;
  } finally {
    await graph.close();
  }
}

describeWithQemu("what repair mends", () => {
  it("has no corruption left, reads as before where nothing is named, and comes back byte by byte", async () => {
    await seeded(async (random) => {
      for (let round = 0; round < 10; round++) {
        const name = `random${round}.qed`;
        const original = corruptedQed(random, 2);
        cli.write(name, original);
        const before = await guestOf(name);
        const plan = JSON.parse(repair("--plan", "--output", "json", name).stdout);
        const ran = repair("--apply", name);
        expect([0, 2], `round ${round}: ${ran.stderr}`).toContain(ran.code);
        const check = JSON.parse(cli.qemuImg("check", "-f", "qed", "--output", "json", name).stdout);
        expect(check.corruptions, `round ${round}`).toBeUndefined();
        expect(cli.qemuImg("convert", "-f", "qed", "-O", "raw", name, "guest.raw")).toMatchObject({
          code: 0,
        });
        const after = bytesOf("guest.raw");
        type Item = { chosen: boolean; guest: { offset: number; length: number }[] };
        const named = (plan.items as Item[]).filter(({ chosen }) => chosen).flatMap(({ guest }) => guest);
        for (const [index, bytes] of before.entries()) {
          const offset = index * cluster;
          const isNamed = named.some(
            (range) => range.offset <= offset && offset < range.offset + range.length,
          );
          expect(isNamed || bytes !== undefined, `round ${round}: ${offset} was lost and is not named`).toBe(
            true,
          );
          const expected = isNamed || !bytes ? new Uint8Array(cluster) : bytes;
          const found = after.subarray(offset, offset + cluster);
          expect(found.equals(expected), `round ${round}, guest offset ${offset}`).toBe(true);
        }
        if (fs.existsSync(cli.path(`${name}.blkscope-undo`))) {
          expect(repair("--undo", `${name}.blkscope-undo`).code, `round ${round}`).toBe(0);
        }
        expect(bytesOf(name).equals(original), `round ${round}: undone`).toBe(true);
      }
    });
  });
});

describe("autoclear bits that are not known", () => {
  it("go with the first item that is mended, and come back when it is taken back", () => {
    const clusters = new Map([[0, new Uint8Array(cluster).fill(1)]]);
    const spec = { size: 1024 * cluster, clusterSize: cluster, tableSize: 2, clusters, autoclear: 0x30n };
    const { bytes } = buildQed({ ...spec, l2: [[0, 5, 0x7000_0000n]] });
    cli.write("autoclear.qed", bytes);
    // 8 bytes from offset 32 of the header.
    expect(repair("--plan", "autoclear.qed").stdout).toContain("0x20: 3000000000000000 -> 0000000000000000");
    expect(repair("--apply", "autoclear.qed")).toMatchObject({ code: 0 });
    expect([...bytesOf("autoclear.qed").subarray(32, 40)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(repair("--undo", "autoclear.qed.blkscope-undo")).toMatchObject({ code: 0 });
    expect(bytesOf("autoclear.qed").equals(bytes)).toBe(true);
  });
});
