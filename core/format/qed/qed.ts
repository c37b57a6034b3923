// The QED format driver: reading. Unallocated clusters read from the backing file as far as it reaches, else
// as zeroes. Nothing is checked, repaired or cleared by opening, whatever the need-check bit says.
import * as z from "zod";
import { bitNumbers, hex } from "../../base/bytes.ts";
import { BlockError } from "../../base/errors.ts";
import { backingFailed, backingSpec, pathOf, plainBackingPath } from "../../block/backing.ts";
import { defineDriver, type OpenContext } from "../../block/driver.ts";
import type { BlockNode, Child, Extent, NodeInfo } from "../../block/node.ts";
import { child } from "../../block/options.ts";
import { featureBits, headerLength, parseHeader, probeQed, type QedHeader } from "./layout.ts";
import { QedMap } from "./map.ts";

export const qed = defineDriver({
  kind: "format",
  options: z.strictObject({ driver: z.literal("qed"), file: child, backing: child.nullish() }),
  probe: probeQed,
  open: async (options, context) => {
    const file = await context.openChild("file", "file", options.file);
    const head = new Uint8Array(Math.min(headerLength, file.size));
    await file.read(0, head);
    const header = parseHeader(head, file.size);
    const name = await readBackingName(header, file);
    const children: Child[] = [{ name: "file", role: "file", node: file }];
    if (!context.readOnly) throw new BlockError("ENOTSUP", "QED images can only be opened read-only here");
    const backing = await openBacking(options.backing, name, header, file, context);
    if (backing) children.push({ name: "backing", role: "backing", node: backing });
    return new QedNode(context.name, header, children, infoOf(header, name, file, context));
  },
});

interface BackingName {
  /** As stored; bytes that are no UTF-8 are replaced, which `fault` then says. */
  readonly text: string;
  /** Why no file can have this name. Only opening the backing file minds: `info` still shows the image. */
  readonly fault: string | undefined;
}

/** The name lies in the header area, which ends before the L1 table and with it inside the file. */
async function readBackingName(header: QedHeader, file: BlockNode): Promise<BackingName | undefined> {
  if (!header.backingName) return undefined;
  const { offset, length } = header.backingName;
  const bytes = new Uint8Array(length);
  await file.read(offset, bytes);
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  if (length === 0) return { text, fault: "is empty" };
  if (bytes.includes(0)) return { text, fault: "contains a NUL byte" };
  const same = Buffer.compare(new TextEncoder().encode(text), bytes) === 0;
  return { text, fault: same ? undefined : "is not UTF-8" };
}

/** `backing: null` in the options leaves it out; given options come before the name in the header. */
async function openBacking(
  given: z.infer<typeof qed.options>["backing"],
  name: BackingName | undefined,
  header: QedHeader,
  file: BlockNode,
  context: OpenContext,
): Promise<BlockNode | undefined> {
  if (given === null || context.backing === "none") return undefined;
  if (given) return context.openChild("backing", "backing", given);
  if (name === undefined) return undefined;
  if (name.fault !== undefined) {
    throw new BlockError("ECORRUPT", `The backing file name ${name.fault}`, header.backingName);
  }
  const request = {
    name: name.text,
    format: backingFormat(header),
    image: pathOf(file),
    baseDir: context.baseDir,
    node: context.name,
    policy: context.backing,
  };
  try {
    return await context.openChild("backing", "backing", backingSpec(request));
  } catch (thrown) {
    throw backingFailed(request, thrown);
  }
}

function backingFormat(header: QedHeader): string | undefined {
  return (header.features & featureBits.backingFormatNoProbe) === 0n ? undefined : "raw";
}

function infoOf(
  header: QedHeader,
  name: BackingName | undefined,
  file: BlockNode,
  context: OpenContext,
): NodeInfo {
  const format = backingFormat(header);
  const full =
    name === undefined || name.fault !== undefined
      ? undefined
      : plainBackingPath({ name: name.text, image: pathOf(file), baseDir: context.baseDir });
  return {
    clusterSize: header.clusterSize,
    dirty: (header.features & featureBits.needCheck) !== 0n,
    byteOrder: "little",
    ...(name !== undefined && {
      backing: {
        filename: name.text,
        ...(full !== undefined && { fullFilename: full }),
        ...(format !== undefined && { format }),
      },
    }),
    specific: {
      "table-size": header.tableSize,
      "header-size": header.headerSize,
      "l1-table-offset": header.l1Offset,
      features: hex(header.features),
      "unknown-compat-bits": bitNumbers(header.compatFeatures).map(String),
      "unknown-autoclear-bits": bitNumbers(header.autoclearFeatures).map(String),
    },
  };
}

class QedNode implements BlockNode {
  readonly driver = "qed";
  readonly readOnly = true;
  readonly name: string;
  readonly size: number;
  readonly children: readonly Child[];
  readonly info: NodeInfo;
  readonly #file: BlockNode;
  readonly #backing: BlockNode | undefined;
  readonly #map: QedMap;

  constructor(name: string, header: QedHeader, children: readonly Child[], info: NodeInfo) {
    this.name = name;
    this.size = header.imageSize;
    this.children = children;
    this.info = info;
    const [file, backing] = children;
    if (!file) throw new Error("a QED node has a file");
    this.#file = file.node;
    this.#backing = backing?.node;
    this.#map = new QedMap(header, file.node);
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    for (let done = 0; done < target.length; ) {
      const run = await this.#map.map(offset + done, target.length - done);
      const part = target.subarray(done, done + run.length);
      if (run.hostOffset !== undefined) await this.#file.read(run.hostOffset, part);
      else if (run.state === "unallocated") await this.#readBacking(offset + done, part);
      else part.fill(0);
      done += run.length;
    }
  }

  async #readBacking(offset: number, target: Uint8Array): Promise<void> {
    const there = this.#backing ? Math.max(0, Math.min(target.length, this.#backing.size - offset)) : 0;
    if (there > 0) await this.#backing?.read(offset, target.subarray(0, there));
    target.fill(0, there);
  }

  async extentAt(offset: number, length: number): Promise<Extent> {
    return { offset, compressed: false, ...(await this.#map.map(offset, length)) };
  }

  describeAt(offset: number): Promise<string> {
    return this.#map.describe(offset);
  }

  write(): Promise<void> {
    return this.#refuse();
  }
  writeZeroes(): Promise<void> {
    return this.#refuse();
  }
  discard(): Promise<void> {
    return this.#refuse();
  }
  resize(): Promise<void> {
    return this.#refuse();
  }
  async flush(): Promise<void> {}
  async close(): Promise<void> {}

  #refuse(): Promise<never> {
    return Promise.reject(new BlockError("EROFS", `${this.name} is open read-only`));
  }
}
