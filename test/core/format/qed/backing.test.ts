import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import { imageSpecForPath, maxBackingDepth, openGraph } from "../../../../core/graph.ts";
import {
  failureOf,
  filled,
  openBytes,
  openForTest,
  openPath,
  readAll,
  readRange,
} from "../../../build/open.ts";
import { buildQed, type QedSpec } from "../../../build/qed.ts";
import { openFilesIn, tempDir, tempFile } from "../../../build/temp.ts";

const C = 4096;

function overlay(name: string | Uint8Array, more: Partial<QedSpec> = {}): Uint8Array {
  const { raw = true, ...rest } = { raw: true, ...more } as Partial<QedSpec> & { raw?: boolean };
  return buildQed({ size: 4 * C, clusterSize: C, tableSize: 1, backing: { name, raw }, ...rest }).bytes;
}

describe("a backing file", () => {
  it("lies beside the image, wherever one stands", async () => {
    const folder = tempDir();
    fs.mkdirSync(path.join(folder, "sub"));
    tempFile("sub/base.raw", filled(4 * C, 5), folder);
    const top = tempFile("sub/top.qed", overlay("base.raw"), folder);
    expect(await readAll(await openPath(path.relative(process.cwd(), top)))).toEqual(filled(4 * C, 5));
  });

  it.each(["../base.raw", "./base.raw", "file:../base.raw"])("may be named %s", async (name) => {
    const folder = tempDir();
    fs.mkdirSync(path.join(folder, "sub"));
    const base = tempFile("base.raw", filled(4 * C, 5), folder);
    const stored = name.startsWith("./") ? name : name;
    if (name.startsWith("./")) fs.copyFileSync(base, path.join(folder, "sub", "base.raw"));
    const node = await openPath(tempFile("sub/top.qed", overlay(stored), folder));
    expect((await readAll(node))[0]).toBe(5);
    expect(node.info.backing).toEqual({
      filename: name,
      fullFilename: name.startsWith("./") ? path.join(folder, "sub", "base.raw") : base,
      format: "raw",
    });
  });

  it("may have an absolute name, with spaces, quotes, newlines and other alphabets", async () => {
    const base = tempFile('it\'s a "base"\n日本.raw', filled(4 * C, 6));
    const node = await openPath(tempFile("top.qed", overlay(base)));
    expect((await readAll(node))[0]).toBe(6);
  });

  it("shows through where the image has nothing, and not through zero clusters", async () => {
    const folder = tempDir();
    tempFile("base.raw", filled(2 * C + 512, 5), folder);
    const clusters = new Map<number, Uint8Array | "zero">([
      [0, "zero"],
      [3, filled(C, 9)],
    ]);
    const node = await openPath(tempFile("top.qed", overlay("base.raw", { clusters }), folder));
    const expected = new Uint8Array(4 * C);
    // The backing file ends 512 bytes into cluster 2: zeroes from there.
    expected.fill(5, C, 2 * C + 512).fill(9, 3 * C);
    expect(await readAll(node)).toEqual(expected);
    expect(await readRange(node, 2 * C + 510, 4)).toEqual(Uint8Array.of(5, 5, 0, 0));
  });

  it("recorded as raw is never probed, even when it looks like QED", async () => {
    const folder = tempDir();
    const inner = buildQed({ size: 4 * C, clusterSize: C, tableSize: 1 }).bytes;
    tempFile("base", inner, folder);
    const asRaw = await openPath(tempFile("raw.qed", overlay("base"), folder));
    expect(asRaw.children[1]?.node.driver).toBe("raw");
    expect(await readRange(asRaw, 0, 4)).toEqual(Uint8Array.of(0x51, 0x45, 0x44, 0));
    const probed = await openPath(
      tempFile("probed.qed", overlay("base", { backing: { name: "base", raw: false } }), folder),
    );
    expect(probed.children[1]?.node.driver).toBe("qed");
    expect(await readRange(probed, 0, 4)).toEqual(new Uint8Array(4));
  });

  it("is left closed for those who only want to know of it", async () => {
    const top = tempFile("top.qed", overlay("gone.raw"));
    const { root, nodes } = await openForTest(imageSpecForPath(top), { backing: "none" });
    expect(nodes.map((node) => node.driver)).toEqual(["qed", "file"]);
    expect(root.info.backing?.fullFilename).toBe(path.join(path.dirname(top), "gone.raw"));
  });

  it("can be left out or replaced by the options", async () => {
    const filename = tempFile("top.qed", overlay("gone.raw"));
    const spec = { driver: "qed", file: { driver: "file", filename } };
    const without = await openForTest({ ...spec, backing: null });
    expect(await readAll(without.root)).toEqual(new Uint8Array(4 * C));
    const bytes = filled(4 * C, 3);
    const other = await openForTest({
      ...spec,
      backing: { driver: "raw", file: { driver: "memory", bytes } },
    });
    expect(await readAll(other.root)).toEqual(bytes);
  });
});

describe("a backing file outside the image's folder", () => {
  const beside = { backing: "beside" } as const;
  const place = (name: string) => {
    const folder = tempDir();
    fs.mkdirSync(path.join(folder, "images", "below"), { recursive: true });
    tempFile("base.raw", filled(4 * C, 5), folder);
    tempFile("images/below/base.raw", filled(4 * C, 6), folder);
    return { folder, top: tempFile("images/top.qed", overlay(name.replace("FOLDER", folder)), folder) };
  };

  it.each(["../base.raw", "below/../../base.raw", "FOLDER/base.raw", "file:../base.raw"])(
    "is not opened without the person's word when it is named %s",
    async (name) => {
      const { folder, top } = place(name);
      const error = await failureOf(openGraph(imageSpecForPath(top), beside));
      expect(error.code).toBe("EACCES");
      expect(error.context).toMatchObject({ consent: "backing", path: path.join(folder, "base.raw") });
      expect(await readAll(await openPath(top))).toEqual(filled(4 * C, 5));
    },
  );

  it("stays outside when a link beside the image leads to it, and inside when the folder is a link", async () => {
    const { folder, top } = place("link.raw");
    fs.symlinkSync("../base.raw", path.join(folder, "images", "link.raw"));
    expect((await failureOf(openGraph(imageSpecForPath(top), beside))).context.consent).toBe("backing");
    fs.unlinkSync(path.join(folder, "images", "link.raw"));
    fs.symlinkSync("below/base.raw", path.join(folder, "images", "link.raw"));
    fs.symlinkSync("images", path.join(folder, "alias"));
    for (const name of ["images", "alias"]) {
      const { root } = await openForTest(imageSpecForPath(path.join(folder, name, "top.qed")), beside);
      expect(await readAll(root)).toEqual(filled(4 * C, 6));
    }
    fs.unlinkSync(path.join(folder, "images", "link.raw"));
    const missing = openGraph(imageSpecForPath(path.join(folder, "alias", "top.qed")), beside);
    expect((await failureOf(missing)).code).toBe("ENOENT");
  });

  it("is only one that lies outside: those beside or below are opened", async () => {
    for (const name of ["below/base.raw", "./below/base.raw", "FOLDER/images/below/base.raw"]) {
      const { root } = await openForTest(imageSpecForPath(place(name).top), beside);
      expect(await readAll(root)).toEqual(filled(4 * C, 6));
    }
  });

  it("is found deeper in a chain as well", async () => {
    const { folder, top } = place("below/middle.qed");
    tempFile(
      "images/below/middle.qed",
      overlay("../../base.raw", { backing: { name: "../../base.raw", raw: true } }),
      folder,
    );
    fs.writeFileSync(top, overlay("below/middle.qed", { backing: { name: "below/middle.qed", raw: false } }));
    const error = await failureOf(openGraph(imageSpecForPath(top), beside));
    expect(error.context).toMatchObject({ consent: "backing", path: path.join(folder, "base.raw") });
  });
});

describe("a backing file that cannot be opened", () => {
  it("is named together with the image that asks for it", async () => {
    const top = tempFile("top.qed", overlay("gone.raw"));
    const full = path.join(path.dirname(top), "gone.raw");
    expect(await failureOf(openPath(top))).toMatchObject({
      code: "ENOENT",
      message: `Could not open backing file 'gone.raw' of '${top}': Could not open '${full}': No such file or directory`,
      context: { path: full, hint: expect.stringContaining("Put the backing file back") },
    });
  });

  it("deep in a chain is named once", async () => {
    const folder = tempDir();
    const middle = tempFile("middle.qed", overlay("gone.raw"), folder);
    const top = tempFile("top.qed", overlay("middle.qed", { backing: { name: "middle.qed" } }), folder);
    const { message } = await failureOf(openPath(top));
    expect(message).toContain(`'gone.raw' of '${middle}'`);
    expect(message.match(/backing file/g)).toHaveLength(1);
  });

  it.each<[string, string | Uint8Array, string, string]>([
    ["empty", "", "ECORRUPT", "The backing file name is empty"],
    ["with a NUL byte", "a\0b", "ECORRUPT", "contains a NUL byte"],
    ["of bytes that are no text", Uint8Array.of(0x61, 0xff, 0x62), "ECORRUPT", "is not UTF-8"],
    [
      "of options",
      'json:{"driver":"file","filename":"/etc/passwd"}',
      "ENOTSUP",
      "asks for the protocol 'json'",
    ],
    ["of a network", "nbd://localhost/", "ENOTSUP", "asks for the protocol 'nbd'"],
    ["of a nameless protocol", ":x", "ENOTSUP", "asks for the protocol ''"],
    ["of a character device", "/dev/zero", "EINVAL", "it is a character device"],
    ["of a directory", "/", "EINVAL", "it is a directory"],
  ])(
    "because its name is one %s leaves a clear error, and the image can still be inspected",
    async (_, name, code, message) => {
      const filename = tempFile("top.qed", overlay(name));
      const error = await failureOf(openPath(filename));
      expect(error.code).toBe(code);
      expect(error.message).toContain(message);
      const alone = await openPath(filename, { backing: "none" });
      expect(alone.info.backing).toBeDefined();
      expect(alone.size).toBe(4 * C);
    },
  );

  it("does not leave files open", async () => {
    const folder = tempDir();
    tempFile("middle.qed", overlay("gone.raw"), folder);
    const top = tempFile("top.qed", overlay("middle.qed", { backing: { name: "middle.qed" } }), folder);
    for (let n = 0; n < 5; n++) await failureOf(openGraph(imageSpecForPath(top)));
    expect(openFilesIn(folder)).toEqual([]);
  });
});

describe("a chain without end", () => {
  it("is refused when an image names itself", async () => {
    const top = tempFile("top.qed", overlay("top.qed", { backing: { name: "top.qed" } }));
    expect(await failureOf(openPath(top))).toMatchObject({
      code: "ECORRUPT",
      message: expect.stringContaining("creates an infinite loop"),
    });
  });

  it("is refused when it closes over other images, links and hard links", async () => {
    const folder = tempDir();
    const top = tempFile("a.qed", overlay("b.qed", { backing: { name: "b.qed" } }), folder);
    tempFile("b.qed", overlay("c.qed", { backing: { name: "c.qed" } }), folder);
    fs.symlinkSync("a.qed", path.join(folder, "c.qed"));
    expect((await failureOf(openPath(top))).message).toContain("infinite loop");
    fs.unlinkSync(path.join(folder, "c.qed"));
    fs.linkSync(top, path.join(folder, "c.qed"));
    expect((await failureOf(openPath(top))).message).toContain("infinite loop");
  });

  it("is refused when recorded as raw too: raw data of itself are no sense either", async () => {
    const top = tempFile("top.qed", overlay("top.qed"));
    expect((await failureOf(openPath(top))).message).toContain("infinite loop");
  });

  it("opens up to the limit on images and no further", async () => {
    const folder = tempDir();
    tempFile(
      "0.qed",
      buildQed({ size: C, clusterSize: C, tableSize: 1, clusters: new Map([[0, filled(C, 7)]]) }).bytes,
      folder,
    );
    for (let n = 1; n <= maxBackingDepth + 1; n++) {
      tempFile(`${n}.qed`, overlay(`${n - 1}.qed`, { size: C, backing: { name: `${n - 1}.qed` } }), folder);
    }
    const longest = await openPath(path.join(folder, `${maxBackingDepth}.qed`));
    expect(await readAll(longest)).toEqual(filled(C, 7));
    const error = await failureOf(openPath(path.join(folder, `${maxBackingDepth + 1}.qed`)));
    expect(error).toMatchObject({
      code: "ECORRUPT",
      message: expect.stringContaining("More than 200 backing files"),
      context: { hint: expect.stringContaining("flatten") },
    });
  });

  it("may use one file twice in different places that are no loop", async () => {
    // The options name the same file as the image's own backing file and nothing stands on itself.
    const filename = tempFile("base.raw", filled(4 * C, 5));
    const { bytes } = buildQed({ size: 4 * C, clusterSize: C, tableSize: 1 });
    const node = await openForTest({
      driver: "qed",
      file: { driver: "memory", bytes },
      backing: { driver: "raw", file: { driver: "file", filename } },
    });
    expect((await readAll(node.root))[0]).toBe(5);
    expect((await openBytes(bytes)).size).toBe(4 * C);
  });
});
