// The QED format driver: reading. Unallocated clusters read from the backing file as far as it reaches, else
// as zeroes. Nothing is checked, repaired or cleared by opening, whatever the need-check bit says.
import * as fs from "node:fs";
import * as path from "node:path";
import * as z from "zod";
import { bitNumbers, hex } from "../../base/bytes.ts";
import { BlockError } from "../../base/errors.ts";
import { defineDriver, type OpenContext } from "../../block/driver.ts";
import { childOf } from "../../block/extents.ts";
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
  const filename = backingPath(name.text, file, context);
  if (context.backing === "beside") refuseOutside(name.text, filename, pathOf(file));
  const inner = { file: { driver: "file", filename } };
  const spec = backingFormat(header) === undefined ? inner : { driver: "raw", ...inner };
  try {
    return await context.openChild("backing", "backing", spec);
  } catch (thrown) {
    throw backingFailed(name.text, pathOf(file), thrown, context);
  }
}

/** The prefix before a colon, other than file: itself. */
function askedProtocol(name: string): string | undefined {
  const protocol = /^([^/:]*):/.exec(name)?.[1];
  return protocol === "file" ? undefined : protocol;
}

/** Only files: a name in an image must not reach a device of another kind, a network or an option tree. */
function backingPath(name: string, file: BlockNode, context: OpenContext): string {
  const plain = name.startsWith("file:") ? name.slice(5) : name;
  const protocol = askedProtocol(name);
  if (protocol !== undefined) {
    throw new BlockError("ENOTSUP", `The backing file name '${name}' asks for the protocol '${protocol}'`, {
      node: context.name,
      hint: "Only plain files are opened as backing files.",
    });
  }
  const own = pathOf(file);
  return path.resolve(own === undefined ? context.baseDir : path.dirname(own), plain);
}

/** Asks for the person's word before a file outside the image's folder is opened. */
function refuseOutside(name: string, filename: string, own: string | undefined): void {
  const folder = own === undefined ? undefined : path.dirname(own);
  // Where links lead: an image can come with a link beside it that points at any file.
  const way = folder === undefined ? ".." : path.relative(realPath(folder), realPath(filename));
  if (way !== ".." && !way.startsWith(`..${path.sep}`) && !path.isAbsolute(way)) return;
  throw new BlockError(
    "EACCES",
    `The backing file '${name}' lies outside the image's folder and was not opened`,
    {
      path: filename,
      consent: "backing",
      hint: "Open it only if you know where the image comes from: its name could point at any file you can read.",
    },
  );
}

/** The path without symbolic links, as far as it leads anywhere. */
function realPath(name: string): string {
  try {
    return fs.realpathSync(name);
  } catch {
    const parent = path.dirname(name);
    return parent === name ? name : path.join(realPath(parent), path.basename(name));
  }
}

/** The image's own file: relative backing names start in its folder. */
function pathOf(file: BlockNode): string | undefined {
  for (let node: BlockNode | undefined = file; node; node = childOf(node, "file")) {
    if (node.info.path !== undefined) return node.info.path;
  }
  return undefined;
}

const notOpened = "Could not open backing file";

/** Names both files. In a long chain only the link that failed is named, not every image above it. */
function backingFailed(
  name: string,
  own: string | undefined,
  thrown: unknown,
  context: OpenContext,
): unknown {
  if (!(thrown instanceof BlockError) || thrown.message.startsWith(notOpened)) return thrown;
  const missing = "Put the backing file back in its place, or correct its name with qemu-img rebase -u.";
  const hint = thrown.code === "ENOENT" ? missing : thrown.context.hint;
  const of = own === undefined ? "" : ` of '${own}'`;
  const message = `${notOpened} '${name}'${of}: ${thrown.message}`;
  return new BlockError(
    thrown.code,
    message,
    { ...thrown.context, node: context.name, ...(hint !== undefined && { hint }) },
    { cause: thrown },
  );
}

function backingFormat(header: QedHeader): string | undefined {
  return (header.features & featureBits.backingFormatNoProbe) === 0n ? undefined : "raw";
}

/** undefined for names that would not be opened. */
function fullName(name: BackingName, file: BlockNode, context: OpenContext): string | undefined {
  if (name.fault !== undefined || askedProtocol(name.text) !== undefined) return undefined;
  return backingPath(name.text, file, context);
}

function infoOf(
  header: QedHeader,
  name: BackingName | undefined,
  file: BlockNode,
  context: OpenContext,
): NodeInfo {
  const format = backingFormat(header);
  const full = name === undefined ? undefined : fullName(name, file, context);
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
