// Bundles that somebody broke or made up: a clear error each time, no memory beyond what the file itself has, and never
// bytes that were not meant.
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { BlockError } from "../../../core/base/errors.ts";
import { imageSpecForPath, openGraph } from "../../../core/graph.ts";
import { bundleImage } from "../../../core/ops/bundle.ts";
import { failureOf, firstDifference, openForTest, readRange } from "../../build/open.ts";
import { buildQed } from "../../build/qed.ts";
import { seeded } from "../../build/random.ts";
import { tempDir, tempFile } from "../../build/temp.ts";

const { bytes: image } = buildQed({
  size: 4 * 512 * 4096,
  clusterSize: 4096,
  tableSize: 1,
  clusters: new Map([[0, new Uint8Array(4096).fill(0xab)]]),
});

async function goodBundle(): Promise<Buffer> {
  const to = path.join(tempDir(), "image.bundle");
  const graph = await openForTest(imageSpecForPath(tempFile("image.qed", image)));
  const job = { signal: new AbortController().signal, progress: () => undefined };
  await bundleImage(graph, { to, redactNames: false, replace: false }, job);
  return fs.readFileSync(to);
}

/** From docs/bundle.md alone, with anything in it. */
interface Parts {
  readonly facts?: object | string;
  readonly pieceBytes?: number;
  readonly ranges?: readonly (readonly [number | bigint, number | bigint])[];
  /** Gzip members as they stand in the file. */
  readonly members?: readonly Buffer[];
  readonly counts?: { readonly ranges?: number; readonly pieces?: number; readonly facts?: number };
  /** Changes the finished header before its checksum is made. */
  readonly header?: (header: Buffer) => void;
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();
const goodFacts = {
  format: "qed",
  fileSize: image.length,
  namesRedacted: false,
  omitted: [],
  omittedTables: 0,
};
const head = Buffer.from(image.subarray(0, 512));

function made({
  facts = goodFacts,
  pieceBytes = 4096,
  ranges = [[0, 512]],
  members = [gzipSync(head)],
  counts = {},
  header: change = () => undefined,
}: Parts): Buffer {
  const text = Buffer.from(typeof facts === "string" ? facts : JSON.stringify(facts));
  const sizes = Buffer.alloc(16);
  sizes.writeUInt32LE(counts.facts ?? text.length, 0);
  sizes.writeUInt32LE(pieceBytes, 4);
  sizes.writeUInt32LE(counts.ranges ?? ranges.length, 8);
  sizes.writeUInt32LE(counts.pieces ?? members.length, 12);
  const table = ranges.map(([offset, length]) => {
    const entry = Buffer.alloc(16);
    entry.writeBigUInt64LE(BigInt(offset), 0);
    entry.writeBigUInt64LE(BigInt(length), 8);
    return entry;
  });
  const pieces = members.map((member) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(member.length, 0);
    return Buffer.concat([length, sha256(member)]);
  });
  const index = Buffer.concat([sizes, text, ...table, ...pieces]);
  const header = Buffer.alloc(96);
  header.set([0x89, 0x42, 0x4c, 0x4b, 0x53, 0x0d, 0x0a, 0x1a]);
  header.writeUInt32LE(1, 8);
  header.writeUInt32LE(96, 12);
  header.writeBigUInt64LE(BigInt(96 + members.reduce((sum, { length }) => sum + length, 0)), 16);
  header.writeBigUInt64LE(BigInt(index.length), 24);
  sha256(index).copy(header, 32);
  change(header);
  sha256(header.subarray(0, 64)).copy(header, 64);
  return Buffer.concat([header, ...members, index]);
}

const failureOfOpening = (bytes: Uint8Array) => failureOf(openGraph(imageSpecForPath(tempFile("b", bytes))));

describe("a bundle made by hand", () => {
  it("is read as the page on its format says", async () => {
    const graph = await openForTest({ driver: "bundle", file: { driver: "memory", bytes: made({}) } });
    expect(firstDifference(await readRange(graph.root, 0, 512), head)).toBeUndefined();
    expect(graph.root.size).toBe(image.length);
  });

  const wrong: readonly (readonly [string, Parts, string])[] = [
    [
      "ranges out of order",
      {
        ranges: [
          [256, 256],
          [0, 256],
        ],
      },
      "range 1 overlaps",
    ],
    [
      "ranges that overlap",
      {
        ranges: [
          [0, 300],
          [299, 212],
        ],
      },
      "range 1 overlaps",
    ],
    [
      "ranges that touch",
      {
        ranges: [
          [0, 256],
          [256, 256],
        ],
      },
      "range 1 overlaps",
    ],
    ["an empty range", { ranges: [[0, 0]] }, "range 0 overlaps"],
    ["a range past the file's end", { ranges: [[image.length - 1, 2]] }, "outside of the file"],
    ["a range beyond what numbers hold", { ranges: [[2n ** 63n, 512]] }, "outside of the file"],
    ["a range whose end is beyond them", { ranges: [[1, 2n ** 53n - 1n]] }, "outside of the file"],
    ["fewer pieces than its ranges need", { ranges: [[0, 8192]] }, "1 pieces can't hold the 8192 bytes"],
    ["pieces without ranges", { ranges: [] }, "1 pieces can't hold the 0 bytes"],
    ["more ranges than there are", { counts: { ranges: 2 } }, "which is not what it counts"],
    ["a count of ranges without end", { counts: { ranges: 0xffffffff } }, "too many"],
    ["a count of pieces without end", { counts: { pieces: 0xffffffff } }, "too many"],
    ["facts longer than it is", { counts: { facts: 0xfffff } }, "which is not what it counts"],
    ["pieces of no length", { pieceBytes: 0 }, "its pieces have 0 bytes"],
    ["pieces of 4 GiB", { pieceBytes: 0xffffffff }, "its pieces have 4294967295 bytes"],
    ["an empty member", { members: [Buffer.alloc(0)] }, "piece 0 has 0 bytes"],
    ["facts that are no JSON", { facts: "{" }, "can't be understood"],
    ["facts that are something else", { facts: { ...goodFacts, fileSize: -1 } }, "can't be understood"],
    ["facts with more in them", { facts: { ...goodFacts, note: "hello" } }, "can't be understood"],
  ];
  it.each(wrong)("with %s is refused", async (_what, parts, message) => {
    const failure = await failureOfOpening(made(parts));
    expect(failure.code).toBe("ECORRUPT");
    expect(failure.message).toContain(message);
  });

  it("is refused when its index can't be where the header says", async () => {
    const at = (value: bigint, place: number) => (header: Buffer) => header.writeBigUInt64LE(value, place);
    for (const change of [
      at(0n, 16),
      at(2n ** 60n, 16),
      at(2n ** 50n, 24),
      at(2n ** 64n - 1n, 24),
      at(1n, 24),
    ]) {
      expect(await failureOfOpening(made({ header: change }))).toMatchObject({ code: "ECORRUPT" });
    }
  });

  it("of a version or a format that is not known says so", async () => {
    const newer = await failureOfOpening(made({ header: (header) => header.writeUInt32LE(2, 8) }));
    expect(newer).toMatchObject({
      code: "ENOTSUP",
      message: "The bundle has version 2; version 1 is known here",
    });
    // Only formats with tables: a bundle never makes a graph of debugging drivers, or of a file it names.
    for (const format of ["vhdx", "raw", "blkdebug", "file", "bundle", "__proto__"]) {
      const failure = await failureOfOpening(made({ facts: { ...goodFacts, format } }));
      expect(failure, format).toMatchObject({ code: "ENOTSUP" });
    }
  });

  it("unpacks no more than a piece may have", async () => {
    // 64 MiB of zeroes in 64 KiB: read as a piece of 512 bytes.
    const bomb = made({ members: [gzipSync(Buffer.alloc(64 * 1024 * 1024))] });
    const failure = await failureOfOpening(bomb);
    expect(failure).toMatchObject({ code: "ECORRUPT" });
    expect(failure.message).toContain("can't be unpacked");
  });

  it("is refused where a member is shorter than its piece, cut or no gzip", async () => {
    const whole = gzipSync(head);
    const members = [
      gzipSync(head.subarray(0, 100)),
      whole.subarray(0, whole.length - 9),
      Buffer.from("hello"),
    ];
    for (const member of members) {
      expect(await failureOfOpening(made({ members: [member] }))).toMatchObject({ code: "ECORRUPT" });
    }
  });
});

describe("a bundle that was changed on its way", () => {
  it("is refused when it is cut short anywhere, or has grown", async () => {
    const good = await goodBundle();
    for (let length = 8; length < good.length; length++) {
      const failure = await failureOfOpening(good.subarray(0, length));
      expect(failure, `${length} bytes`).toMatchObject({ code: "ECORRUPT" });
      expect(failure.message).toContain("cut short");
    }
    const grown = await failureOfOpening(Buffer.concat([good, Buffer.from("\n")]));
    expect(grown.message).toBe("The bundle is damaged: 1 bytes follow its end");
  });

  it("never reads as anything but what was put in, whichever bits are flipped", async () => {
    const good = await goodBundle();
    await seeded(async (random) => {
      for (let round = 0; round < 400; round++) {
        const bytes = Buffer.from(good);
        for (let left = 1 + random.below(3); left > 0; left--) {
          const at = 8 + random.below(bytes.length - 8);
          bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
        }
        if (bytes.equals(good)) continue;
        await expectHonest(bytes);
      }
    });
  });

  it("never crashes on an index that chance made, with checksums that fit", async () => {
    await seeded(async (random) => {
      for (let round = 0; round < 400; round++) {
        const number = () => random.pick([0, 1, 512, 4096, image.length, 2 ** 32 - 1, random.below(2 ** 30)]);
        await expectHonest(
          made({
            pieceBytes: random.pick([512, 4096, number()]),
            ranges: Array.from({ length: random.below(4) }, () => [number(), number()] as const),
            members: Array.from({ length: random.below(3) }, () =>
              random.pick([gzipSync(head), Buffer.from(random.bytes(random.below(60)))]),
            ),
          }),
        );
      }
    });
  });
});

/** It is refused, or every byte that can be read is that of the image. */
async function expectHonest(bytes: Uint8Array): Promise<void> {
  const opened = await openGraph({ driver: "bundle", file: { driver: "memory", bytes } }).catch(asFailure);
  if (opened instanceof BlockError) return;
  try {
    for (let at = 0; at < Math.min(opened.root.size, image.length); at += 512) {
      const read = await readRange(opened.root, at, 512).catch(asFailure);
      if (read instanceof BlockError) continue;
      // What was made by hand has the image's head wherever it says.
      const isHead = firstDifference(read, head) === undefined;
      if (!isHead) expect(firstDifference(read, image.subarray(at, at + 512))).toBeUndefined();
    }
  } finally {
    await opened.close();
  }
}

function asFailure(thrown: unknown): BlockError {
  if (thrown instanceof BlockError && thrown.code !== "EINVAL") return thrown;
  throw thrown;
}
