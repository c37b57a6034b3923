import * as path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { ImageSpec } from "../../core/block/driver.ts";
import { imageSpecForPath, openGraph } from "../../core/graph.ts";
import { failureOf, filled, openForTest, readAll } from "../build/open.ts";
import { buildQed } from "../build/qed.ts";
import { openFilesIn, tempDir, tempFile } from "../build/temp.ts";

const C = 4096;
const qedBytes = buildQed({ size: 2 * C, clusterSize: C, tableSize: 1 }).bytes;
const here = process.cwd();

afterEach(() => process.chdir(here));

describe("a plain name", () => {
  it("is a file whose format is probed", async () => {
    const folder = tempDir();
    const raw = await openForTest(tempFile("a.img", filled(600, 1), folder));
    const qed = await openForTest(tempFile("b.img", qedBytes, folder));
    expect([raw.root.driver, qed.root.driver]).toEqual(["raw", "qed"]);
  });

  it("may carry the prefix file:", async () => {
    const { root } = await openForTest(`file:${tempFile("a.img", qedBytes)}`);
    expect(root.driver).toBe("qed");
  });

  it("with another prefix asks for a protocol that there is not, and the hint tells the way around", async () => {
    expect(await failureOf(openGraph("nbd:localhost:10809"))).toMatchObject({
      code: "EINVAL",
      message: "Unknown protocol 'nbd'",
      context: { hint: "For a file of that name write ./nbd:localhost:10809" },
    });
  });

  it("may have a colon after a slash", async () => {
    const filename = tempFile("a:b", filled(5, 1));
    process.chdir(path.dirname(filename));
    expect((await openForTest("./a:b")).root.size).toBe(5);
    expect((await failureOf(openGraph("a:b"))).message).toBe("Unknown protocol 'a'");
  });

  it("must not be empty", async () => {
    expect((await failureOf(openGraph(""))).code).toBe("ENOENT");
  });

  it("is opened in the format given instead of the one probed", async () => {
    const filename = tempFile("a.img", qedBytes);
    const { root } = await openForTest(filename, { format: "raw" });
    expect([root.driver, root.size]).toEqual(["raw", qedBytes.length]);
    expect((await failureOf(openGraph(filename, { format: "vmdk" }))).message).toBe("Unknown driver 'vmdk'");
    expect((await failureOf(openGraph(filename, { format: "toString" }))).message).toContain(
      "Unknown driver",
    );
  });
});

describe("a path from the app", () => {
  it.each(["json:{}", "nbd:x", "file:x", "a:b"])("always means that very file: %s", async (name) => {
    const filename = tempFile(name, qedBytes);
    process.chdir(path.dirname(filename));
    const { root } = await openForTest(imageSpecForPath(name));
    expect(root.driver).toBe("qed");
  });
});

describe("a tree of options", () => {
  it("may be given as JSON, nested or with dotted keys", async () => {
    const filename = tempFile("a.img", qedBytes);
    const nested = { driver: "raw", offset: 512, file: { driver: "file", filename } };
    const dotted = { driver: "raw", offset: 512, "file.driver": "file", "file.filename": filename };
    for (const tree of [nested, dotted]) {
      expect((await openForTest(`json:${JSON.stringify(tree)}`)).root.size).toBe(qedBytes.length - 512);
      expect((await openForTest(tree)).root.size).toBe(qedBytes.length - 512);
    }
  });

  it("is probed where no driver is named, at every level", async () => {
    const filename = tempFile("a.img", qedBytes);
    const backing = { file: { driver: "file", filename } };
    const graph = await openForTest({ file: { driver: "memory", bytes: qedBytes }, backing });
    expect([graph.root.driver, graph.nodeAt("backing")?.driver]).toEqual(["qed", "qed"]);
  });

  it.each<[ImageSpec, string]>([
    ["json:{", "Could not parse the JSON options"],
    ["json:[]", "Invalid JSON object given"],
    ["json:null", "Invalid JSON object given"],
    ["json:{}", "Must specify either driver or file"],
    [{}, "Must specify either driver or file"],
    [{ driver: "raw" }, "Invalid option 'file' of 'raw': must be the options of a node"],
    [{ driver: "raw", file: "a.raw" }, "Cannot find device='a.raw' nor node-name='a.raw'"],
    [{ driver: "raw", file: 5 }, "Invalid option 'file' of 'raw': must be the options of a node"],
    [{ driver: 5 as unknown as string }, "Unknown driver '5'"],
    [{ driver: "__proto__" }, "Unknown driver '__proto__'"],
    [{ driver: "file", filename: "" }, "Invalid option 'filename' of 'file': the name is empty"],
    [{ driver: "file", filename: 5 }, "Invalid option 'filename' of 'file': must be the name of a file"],
    [{ driver: "file" }, "Invalid option 'filename' of 'file': must be the name of a file"],
    [
      { driver: "file", filename: "a", readOnly: true },
      "Block protocol 'file' does not support the option 'readOnly'",
    ],
    [
      { driver: "raw", file: { driver: "file", filename: "a", nmae: 1 } },
      "Block protocol 'file' does not support the option 'file.nmae'",
    ],
    [
      { driver: "raw", file: { driver: "memory", size: 512 }, backing: { driver: "memory" } },
      "Block format 'raw' does not support the option 'backing'",
    ],
    [{ driver: "memory", "node-name": "1x" }, "Invalid option 'node-name' of 'memory'"],
    [{ driver: "memory", "read-only": "maybe" }, "Invalid option 'read-only' of 'memory': must be on or off"],
    [{ driver: "memory", size: 2 ** 60 }, "Invalid option 'size' of 'memory'"],
    [{ "file.driver": "memory", file: "x" }, "The option 'file' is given both as a value and as a group"],
    [{ file: "x", "file.driver": "memory" }, "The option 'file' is given both as a value and as a group"],
    [{ file: "x" }, "Cannot find device='x' nor node-name='x'"],
    [{ file: 5 }, "Invalid option 'file': must be the options of a node"],
  ])("is checked strictly: %j", async (spec, message) => {
    const error = await failureOf(openGraph(spec));
    expect(error.code).toBe("EINVAL");
    expect(error.message).toContain(message);
  });

  it("does not let keys reach into the prototype of objects", async () => {
    const spec = 'json:{"driver":"memory","__proto__.polluted":1,"constructor.prototype.polluted":1}';
    expect((await failureOf(openGraph(spec))).code).toBe("EINVAL");
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it("that is nested without end is an error and no crash", async () => {
    const depth = 20_000;
    const spec = `json:${'{"file":'.repeat(depth)}{}${"}".repeat(depth)}`;
    expect(await failureOf(openGraph(spec))).toMatchObject({
      code: "EINVAL",
      message: "The options are nested deeper than 1000 nodes",
    });
  });
});

describe("the nodes of a graph", () => {
  const spec = {
    driver: "qed",
    file: { driver: "memory", bytes: qedBytes },
    backing: { driver: "raw", file: { driver: "memory", size: C } },
  };

  it("have unique names and are found by their path", async () => {
    const graph = await openForTest(spec);
    expect(graph.nodes.map((node) => [node.name, node.driver])).toEqual([
      ["top", "qed"],
      ["backing", "raw"],
      ["backing/file", "memory"],
      ["file", "memory"],
    ]);
    expect(graph.nodeAt("")).toBe(graph.root);
    expect(graph.nodeAt("backing/file")?.name).toBe("backing/file");
    expect(graph.nodeAt("backing/nothing/more")).toBeUndefined();
  });

  it("may be named by the options, once", async () => {
    const named = { ...spec, "node-name": "disk" };
    expect((await openForTest(named)).root.name).toBe("disk");
    const clash = { ...named, backing: { ...spec.backing, "node-name": "disk" } };
    expect((await failureOf(openGraph(clash))).message).toBe("Two nodes are named 'disk'");
  });

  it("are read-only unless asked, and where the options say so", async () => {
    const memory = { driver: "memory", size: 512 };
    expect((await openForTest(memory)).root.readOnly).toBe(true);
    expect((await openForTest(memory, { readOnly: false })).root.readOnly).toBe(false);
    for (const readOnly of [true, "on"]) {
      const { root } = await openForTest({ ...memory, "read-only": readOnly }, { readOnly: false });
      expect(root.readOnly).toBe(true);
    }
    expect((await openForTest({ ...memory, "read-only": "off" })).root.readOnly).toBe(true);
  });

  it("are all closed with the graph, and closing twice is allowed", async () => {
    const graph = await openGraph(spec);
    await graph.close();
    await graph.close();
    for (const node of graph.nodes) {
      expect((await failureOf(node.read(0, new Uint8Array(1)))).message).toContain("closed");
    }
  });
});

describe("opening that fails half way", () => {
  it("closes every file again", async () => {
    const broken = qedBytes.slice();
    broken[16] = 0x80;
    const folder = tempDir();
    const filename = tempFile("a.qed", broken, folder);
    for (let n = 0; n < 5; n++) expect((await failureOf(openGraph(filename))).code).toBe("ENOTSUP");
    expect(openFilesIn(folder)).toEqual([]);
    await openForTest(tempFile("b.qed", qedBytes, folder));
    expect(openFilesIn(folder)).toHaveLength(1);
  });
});

describe("probing", () => {
  it("fails with a way around where the beginning cannot be read", async () => {
    // A QED image as the container: the one whose first bytes can be made to fail without a broken disk.
    const { bytes } = buildQed({ size: C, clusterSize: C, tableSize: 1, l1: [[0, 1n]] });
    const file = { driver: "qed", file: { driver: "memory", bytes } };
    expect(await failureOf(openGraph({ file }))).toMatchObject({
      code: "ECORRUPT",
      message: expect.stringContaining("Could not tell the format: L1[0] is 0x1"),
      context: { hint: expect.stringContaining("Give the format") },
    });
    expect((await openForTest({ driver: "raw", file })).root.size).toBe(C);
  });

  it("takes an empty file, a short one, and anything else as raw", async () => {
    const folder = tempDir();
    for (const [name, bytes] of [
      ["empty", new Uint8Array(0)],
      ["short", qedBytes.subarray(0, 63)],
      ["text", new TextEncoder().encode("QED is not QED")],
    ] as const) {
      const { root } = await openForTest(tempFile(name, bytes, folder));
      expect(root.driver).toBe("raw");
      expect(await readAll(root)).toEqual(bytes);
    }
  });
});
