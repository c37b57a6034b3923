// docs/formats.md is true: every yes and no of its table is what happens when it is tried, and its limits are those at
// which a new image is refused.
import * as fs from "node:fs";
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Creation } from "../../core/block/driver.ts";
import { type Graph, type OpenOptions, openGraph } from "../../core/graph.ts";
import { createImage } from "../../core/ops/create.ts";
import { checkedFormats, driverNamed } from "../../core/registry.ts";
import { createLuks, lacksPeer, run } from "../build/peers.ts";
import { tempDir } from "../build/temp.ts";
import { Cli } from "../core/cli/support.ts";

const page = fs.readFileSync(fileURLToPath(new URL("../../docs/formats.md", import.meta.url)), "utf8");
const formats = ["raw", "qed", "qcow2"] as const;
type Format = (typeof formats)[number];
const mib = 1024 * 1024;

/** Rows of a table by their first cell. */
function tableOf(head: string): ReadonlyMap<string, readonly string[]> {
  const begin = page.indexOf(`| ${head}| raw | QED | qcow2 |`);
  const rows = page.slice(begin, page.indexOf("\n\n", begin)).split("\n").slice(2);
  return new Map(
    rows.map((row) => {
      const [name = "", ...cells] = row.split("|").slice(1, -1);
      return [name.trim(), cells.map((cell) => cell.trim())];
    }),
  );
}

const creationOf = (format: Format): Creation => {
  const creation = driverNamed(format)?.creation;
  if (!creation) throw new Error(`${format} can't be created`);
  return creation;
};
const optionsOf = (format: Format, more: Readonly<Record<string, string | number | boolean>> = {}) => ({
  ...Object.fromEntries(
    creationOf(format).options.flatMap(({ name, default: value }) =>
      value === undefined ? [] : [[name, value]],
    ),
  ),
  ...more,
});

/** A new image of 4 MiB. */
async function made(
  format: Format,
  more: Readonly<Record<string, string | number | boolean>> = {},
  backing?: { filename: string; format?: string },
): Promise<string> {
  const name = path.join(tempDir(), `disk.${format}`);
  await createImage(name, format, {
    size: 4 * mib,
    options: optionsOf(format, more),
    ...(backing && { backing }),
  });
  return name;
}

/** True when `body` succeeds on the open image, false when it answers false or throws. */
async function works(
  file: string,
  format: Format,
  options: OpenOptions,
  body: (graph: Graph) => Promise<boolean | undefined> | boolean,
): Promise<boolean> {
  const graph = await openGraph(file, { ...options, format });
  try {
    return (await body(graph)) !== false;
  } catch {
    return false;
  } finally {
    await graph.close();
  }
}
const writable = { readOnly: false } as const;
const bytesAt = async ({ root }: Graph, offset: number) => {
  const bytes = new Uint8Array(512);
  await root.read(offset, bytes);
  return bytes;
};

/** QED: the first L1 entry points far behind the file. qcow2: the header's refcount is 0. Raw has nothing to break. */
function breakTable(file: string, format: Format): void {
  const image = fs.readFileSync(file);
  if (format === "raw") image.fill(0xff, 0, 8);
  // The L1 table's offset is at 40 of the header, the refcount table's at 48; its first entry is the first block.
  else if (format === "qed") image.writeBigUInt64LE(2n ** 40n, Number(image.readBigUInt64LE(40)));
  else image.writeUInt16BE(0, Number(image.readBigUInt64BE(Number(image.readBigUInt64BE(48)))));
  fs.writeFileSync(file, image);
}

describe.skipIf(lacksPeer("qemu-img"))("the page on formats", () => {
  let cli: Cli;
  beforeAll(async () => {
    cli = await Cli.build();
  });
  afterAll(() => cli.remove());

  const succeeds = (...args: readonly string[]) => cli.run(args).code === 0;

  /** What happens when each row is tried. */
  const tries: Readonly<Record<string, (format: Format) => Promise<boolean> | boolean>> = {
    read: async (format) =>
      works(await made(format), format, {}, async (graph) => (await bytesAt(graph, 0))[0] === 0),
    create: async (format) => (await made(format)).length > 0,
    write: async (format) => {
      const file = await made(format);
      await works(file, format, writable, async ({ root }) => {
        await root.write(65_000, new Uint8Array(70_000).fill(5));
        await root.flush();
        return true;
      });
      return works(file, format, {}, async (graph) =>
        (await bytesAt(graph, 134_000)).every((byte) => byte === 5),
      );
    },
    grow: async (format) =>
      works(await made(format), format, writable, async ({ root }) => {
        await root.resize(8 * mib);
        return root.size === 8 * mib;
      }),
    shrink: async (format) =>
      works(await made(format), format, writable, async ({ root }) => {
        await root.resize(2 * mib);
        return root.size === 2 * mib;
      }),
    "write zeroes to a new range without storing them": async (format) =>
      works(await made(format), format, writable, async ({ root }) => {
        await root.write(2 * mib, new Uint8Array(mib).fill(1));
        await root.writeZeroes(0, mib, { mayUnmap: true, noFallback: true });
        return (await root.extentAt(0, mib)).state !== "data";
      }),
    "backing file": async (format) => {
      const base = path.join(tempDir(), "base");
      fs.writeFileSync(base, new Uint8Array(mib).fill(9));
      if (!creationOf(format).supportsBacking) return false;
      const top = await made(format, {}, { filename: base, format: "raw" });
      return works(top, format, {}, async (graph) => (await bytesAt(graph, 0))[0] === 9);
    },
    "record any backing format": async (format) => {
      const base = await made("qed");
      if (!creationOf(format).supportsBacking) return false;
      const top = await made(format, {}, { filename: base, format: "qed" });
      return works(top, format, {}, ({ root }) => root.info.backing?.format === "qed");
    },
    check: async (format) => succeeds("check", "-f", format, await made(format)),
    repair: async (format) => {
      const file = await made(format);
      breakTable(file, format);
      const wasWhole = succeeds("check", "-f", format, file);
      const isMended = succeeds("check", "-r", "all", "-f", format, file);
      return !wasWhole && isMended && succeeds("check", "-f", format, file);
    },
    "map of the file by kinds, references": async (format) =>
      succeeds("map", "--kinds", "-f", format, await made(format)),
    "stored reference counts": async (format) =>
      works(
        await made(format),
        format,
        {},
        async ({ root }) => (await root.structure?.storedReferences?.(0))?.count === 1,
      ),
    measure: async (format) => succeeds("measure", "-O", format, "--size", "4M"),
    amend: (format) => (driverNamed(format)?.amendOptions ?? []).length > 0,
    "empty after a commit": async (format) => {
      if (!creationOf(format).supportsBacking) return false;
      const base = await made("raw");
      const top = await made(format, {}, { filename: base, format: "raw" });
      await works(top, format, writable, ({ root }) =>
        root.write(0, new Uint8Array(mib).fill(3)).then(() => true),
      );
      if (!succeeds("commit", "-f", format, top)) return false;
      return works(
        top,
        format,
        {},
        async ({ root }) => (await root.extentAt(0, mib)).state === "unallocated",
      );
    },
    "read compressed clusters": async (format) => {
      const source = path.join(tempDir(), "source");
      const file = path.join(tempDir(), "packed");
      fs.writeFileSync(source, new Uint8Array(mib).fill(6));
      try {
        run("qemu-img", "convert", "-c", "-O", format, source, file);
      } catch {
        return false;
      }
      return works(file, format, {}, async (graph) => {
        const { compressed } = await graph.root.extentAt(0, 512);
        return compressed && (await bytesAt(graph, 0))[0] === 6;
      });
    },
    "write compressed clusters": async (format) =>
      works(await made(format), format, writable, async ({ root }) => {
        if (!root.writeCompressed) return false;
        await root.writeCompressed(0, new Uint8Array(65_536).fill(2));
        return (await root.extentAt(0, 512)).compressed;
      }),
    "external data file": async (format) => {
      if (!creationOf(format).options.some(({ name }) => name === "data_file")) return false;
      const file = await made(format, { data_file: "disk.data" });
      return works(file, format, writable, async ({ root, nodeAt }) => {
        await root.write(0, new Uint8Array(512).fill(8));
        return nodeAt !== undefined && root.children.some(({ name }) => name === "data-file");
      });
    },
    "list and open snapshots": async (format) => {
      const file = await made(format);
      try {
        run("qemu-img", "snapshot", "-c", "one", file);
      } catch {
        return false;
      }
      const isListed = await works(file, format, {}, ({ root }) => root.info.snapshots?.[0]?.name === "one");
      const spec = { driver: format, snapshot: "one", file: { driver: "file", filename: file } };
      const graph = await openGraph(spec).catch(() => undefined);
      await graph?.close();
      return isListed && graph !== undefined;
    },
    "make, apply and delete snapshots": async (format) => {
      const file = await made(format);
      return ["-c", "-a", "-d"].every((act) => succeeds("snapshot", act, "one", file));
    },
    "list dirty bitmaps": async (format) => {
      const file = await made(format);
      try {
        run("qemu-img", "bitmap", "--add", "-f", format, file, "one");
      } catch {
        return false;
      }
      return works(file, format, {}, ({ root }) =>
        JSON.stringify(root.info.specific).includes('"name":"one"'),
      );
    },
    "add dirty bitmaps": async (format) =>
      succeeds("bitmap", "--add", "-f", format, await made(format), "one"),
    "recognise encryption": async (format) =>
      works(await encrypted(format), format, {}, ({ root }) => root.info.encrypted === true),
    "read encrypted data": async (format) =>
      works(await encrypted(format), format, {}, async (graph) => {
        return graph.root.info.encrypted === true && (await bytesAt(graph, 0)).length > 0;
      }),
    "built-in check of a log's states (`log bisect --check`)": (format) => checkedFormats.includes(format),
  };

  /** Encrypted where the format can be; its first cluster holds data. */
  async function encrypted(format: Format): Promise<string> {
    if (format !== "qcow2") return made(format);
    const file = path.join(tempDir(), "secret.qcow2");
    createLuks(file, "1M");
    run(
      "qemu-io",
      ...["--object", "secret,id=s,data=pass", "-c", "write -P 1 0 64k", "--image-opts"],
      `driver=qcow2,encrypt.format=luks,encrypt.key-secret=s,file.filename=${file}`,
    );
    return file;
  }

  const rows = tableOf("");

  it("has a row for everything that is tried, and tries every row", () => {
    expect([...rows.keys()]).toEqual(Object.keys(tries));
  });

  it.each([...rows.keys()])("says what happens: %s", async (name) => {
    const said = formats.map((format, index) => [format, rows.get(name)?.[index]]);
    const found: string[][] = [];
    for (const format of formats) found.push([format, (await tries[name]?.(format)) ? "yes" : "no"]);
    expect(said).toEqual(found);
  });
});

describe("the limits on the page on formats", () => {
  const rows = tableOf("limit ");
  const said = (name: string, format: Format) => rows.get(name)?.[formats.indexOf(format)] ?? "";
  const accepts = (format: Format, size: number, more: Readonly<Record<string, number>> = {}) => {
    try {
      creationOf(format).check({ size, options: optionsOf(format, more) });
      return true;
    } catch {
      return false;
    }
  };

  it.each(["qed", "qcow2"] as const)("of the clusters of %s are those of new images", (format) => {
    const [least, usual, most] = ["smallest", "default", "largest"].map((one) =>
      Number(said(`${one} cluster`, format)),
    );
    if (least === undefined || usual === undefined || most === undefined)
      throw new Error("a limit is missing");
    const taken = (size: number) => accepts(format, 65_536, { cluster_size: size });
    expect([taken(least / 2), taken(least), taken(most), taken(most * 2)]).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(optionsOf(format)).toMatchObject({ cluster_size: usual });
  });

  it.each(formats)("of the size of new disks are those of %s", (format) => {
    const [, number = "", unit = ""] =
      /^(\d+) (TiB|PiB)$/.exec(said("largest new disk with the default options", format)) ?? [];
    const most = Number(number) * (unit === "TiB" ? 2 ** 40 : 2 ** 50);
    // 8 PiB are 2^53 bytes, and offsets end one before: the last whole sector is the limit.
    const last = most > Number.MAX_SAFE_INTEGER ? 2 ** 53 - 512 : most;
    expect(accepts(format, last)).toBe(true);
    if (last === most) expect(accepts(format, most + 512)).toBe(false);
  });
});
