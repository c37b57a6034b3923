// The pieces that turn a package of the registry into a runtime: nothing that is not what was expected is used.
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkIntegrity, unzip } from "../../scripts/setup/electronFallback.mjs";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "blkscope-setup-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("the integrity check", () => {
  const wanted = `sha512-${createHash("sha512").update("the tarball").digest("base64")}`;

  test("accepts the file it expects", async () => {
    await writeFile(join(folder, "package.tgz"), "the tarball");
    await expect(checkIntegrity(join(folder, "package.tgz"), wanted)).resolves.toBeUndefined();
  });

  test("refuses a file that differs in one byte and names it", async () => {
    await writeFile(join(folder, "package.tgz"), "the tarbalk");
    await expect(checkIntegrity(join(folder, "package.tgz"), wanted)).rejects.toThrow(
      /package\.tgz is not what was/,
    );
  });
});

/** A zip of stored (not compressed) entries, by PKWARE's APPNOTE 4.3: local headers, central directory, end. */
function storedZip(entries: readonly { name: string; text: string; mode: number }[]): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const { name, text, mode } of entries) {
    const common = Buffer.alloc(26); // from "version needed" to "extra field length"
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(crc32(Buffer.from(text)), 10);
    common.writeUInt32LE(text.length, 14);
    common.writeUInt32LE(text.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, Buffer.from(name + text)]);
    const rest = Buffer.alloc(14); // comment length, disk, attributes, offset
    rest.writeUInt32LE((mode + 0o100000) * 65536, 6);
    rest.writeUInt32LE(offset, 10);
    const madeBy = Buffer.from([20, 3]); // Unix
    centrals.push(Buffer.concat([Buffer.from("PK\x01\x02"), madeBy, common, rest, Buffer.from(name)]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

/** CRC-32 as in ISO 3309, bit by bit. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

describe("unpacking", () => {
  test("keeps names, contents and the executable bit, and leaves out what is not wanted", async () => {
    const archive = join(folder, "a.zip");
    await writeFile(
      archive,
      storedZip([
        { name: "Top/run", text: "#!", mode: 0o755 },
        { name: "Top/sub/data", text: "bytes", mode: 0o644 },
        { name: "Top/big", text: "not wanted", mode: 0o644 },
      ]),
    );
    await unzip(archive, join(folder, "out"), (name) =>
      name === "Top/big" ? undefined : name.slice("Top/".length),
    );
    expect((await readdir(join(folder, "out"))).sort()).toEqual(["run", "sub"]);
    expect(await readFile(join(folder, "out/sub/data"), "utf8")).toBe("bytes");
    expect((await stat(join(folder, "out/run"))).mode % 0o1000).toBe(0o755);
  });

  test("refuses an entry that would be written outside", async () => {
    const archive = join(folder, "a.zip");
    await writeFile(archive, storedZip([{ name: "../outside", text: "x", mode: 0o644 }]));
    await expect(unzip(archive, join(folder, "out"), (name) => name)).rejects.toThrow(
      /invalid relative path/,
    );
    expect(await readdir(folder)).toEqual(["a.zip"]);
  });
});
