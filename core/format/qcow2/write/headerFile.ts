// The header of an open image: fields are changed one by one and durably, the rest of the first cluster stays as it is,
// whatever it holds. Extensions and the backing file's name are laid out anew; unknown bytes and unknown extensions are
// kept. Specification: qcow2, "Header" and "Header extensions".
import { BlockError } from "../../../base/errors.ts";
import type { BackingName, BlockNode } from "../../../block/node.ts";
import { extensionTypes } from "../extensions.ts";
import { parseImage, type Qcow2Image, readPadded } from "../header.ts";
import type { Qcow2Header } from "../layout.ts";

/** What can be changed where it is. Feature bits exist in version 3 only. */
export type HeaderChange = Partial<
  Pick<
    Qcow2Header,
    "size" | "l1" | "refcountTable" | "snapshots" | "incompatible" | "compatible" | "autoclear"
  >
>;

/** A header extension to be stored. */
export interface ExtensionRecord {
  readonly type: number;
  readonly data: Uint8Array;
}

/** What is laid out anew; what is left out stays as it is. */
export interface HeaderLayout {
  readonly version?: 2 | 3;
  readonly refcountOrder?: number;
  /** All of them, in the order to be stored, without the end. */
  readonly extensions?: readonly ExtensionRecord[];
  /** null takes it out. The format is stored as an extension: without one, a stored one is taken out too. */
  readonly backing?: BackingName | null;
  readonly change?: HeaderChange;
}

export class HeaderFile {
  readonly #file: BlockNode;
  /** The first cluster as it is on disk. */
  #cluster: Uint8Array;
  #image: Qcow2Image;
  /** A change failed: which one is on disk, nobody knows, so the next one writes all of it. */
  #isUnsure = false;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(file: BlockNode, cluster: Uint8Array, image: Qcow2Image) {
    this.#file = file;
    this.#cluster = cluster;
    this.#image = image;
  }

  /** `image` was read from `file`. Throws EIO. */
  static async of(file: BlockNode, image: Qcow2Image): Promise<HeaderFile> {
    const cluster = new Uint8Array(image.header.clusterSize);
    await readPadded(file, 0, cluster);
    return new HeaderFile(file, cluster, image);
  }

  get image(): Qcow2Image {
    return this.#image;
  }

  get header(): Qcow2Header {
    return this.#image.header;
  }

  /** Fields where they are, in one request, durable when it returns. Throws EIO; the image then counts as unchanged. */
  change(change: HeaderChange): Promise<void> {
    return this.#inTurn(() => {
      const cluster = this.#cluster.slice();
      putFields(cluster, change, this.header.version);
      return this.#store(cluster);
    });
  }

  /**
   * The whole first cluster in one request, durable when it returns. Throws ENOSPC when it does not fit there, EIO. That
   * request is not atomic on disk.
   */
  rewrite(layout: HeaderLayout): Promise<void> {
    return this.#inTurn(() => this.#store(layOut(this.#cluster, this.#image, layout)));
  }

  /** A change failed, and which header is on disk is not known: it may be the one or the other. */
  get isUnsure(): boolean {
    return this.#isUnsure;
  }

  /** Once a change failed: the header as it counts is written again, all of it. Throws EIO. */
  async settle(): Promise<void> {
    if (this.#isUnsure) await this.change({});
  }

  /** The file was changed below. Throws what opening throws. */
  async reload(): Promise<void> {
    const cluster = new Uint8Array(this.header.clusterSize);
    await readPadded(this.#file, 0, cluster);
    this.#image = parseImage(cluster, "inspect");
    this.#cluster = cluster;
    this.#isUnsure = false;
  }

  /** The corrupt bit is set whatever else is going on. */
  #inTurn(body: () => Promise<void>): Promise<void> {
    const next = this.#queue.then(body);
    this.#queue = next.catch(() => undefined);
    return next;
  }

  async #store(cluster: Uint8Array): Promise<void> {
    // Parsed first: what could not be opened again is not written. What was wrong before may stay so.
    const image = parseImage(cluster, "inspect");
    const [from, end] = this.#isUnsure ? [0, cluster.length] : difference(this.#cluster, cluster);
    if (from === end) {
      this.#image = image;
      return;
    }
    this.#isUnsure = true;
    await this.#file.write(from, cluster.subarray(from, end));
    await this.#file.flush();
    this.#isUnsure = false;
    this.#cluster = cluster;
    this.#image = image;
  }
}

/** Bytes that differ, as a half-open range; of equal clusters an empty one. */
function difference(a: Uint8Array, b: Uint8Array): [from: number, end: number] {
  let from = 0;
  let end = a.length;
  while (from < end && a[from] === b[from]) from++;
  while (end > from && a[end - 1] === b[end - 1]) end--;
  return [from, end];
}

function putFields(cluster: Uint8Array, change: HeaderChange, version: 2 | 3): void {
  const view = viewOf(cluster);
  const { size, l1, refcountTable, snapshots } = change;
  if (size !== undefined) view.setBigUint64(24, BigInt(size));
  if (l1 !== undefined) {
    view.setUint32(36, l1.entries);
    view.setBigUint64(40, BigInt(l1.offset));
  }
  if (refcountTable !== undefined) {
    view.setBigUint64(48, BigInt(refcountTable.offset));
    view.setUint32(56, refcountTable.clusters);
  }
  if (snapshots !== undefined) {
    view.setUint32(60, snapshots.count);
    view.setBigUint64(64, BigInt(snapshots.offset));
  }
  if (version === 2) return;
  if (change.incompatible !== undefined) view.setBigUint64(72, change.incompatible);
  if (change.compatible !== undefined) view.setBigUint64(80, change.compatible);
  if (change.autoclear !== undefined) view.setBigUint64(88, change.autoclear);
}

/** Of version 3 as this program writes it where there was version 2. */
const newHeaderLength = 112;
const oldHeaderLength = 72;

function layOut(old: Uint8Array, image: Qcow2Image, layout: HeaderLayout): Uint8Array {
  const { header } = image;
  const version = layout.version ?? header.version;
  const grows = version === 3 && header.version === 2;
  const headerLength = version === 2 ? oldHeaderLength : grows ? newHeaderLength : header.headerLength;
  const cluster = new Uint8Array(header.clusterSize);
  cluster.set(old.subarray(0, grows ? oldHeaderLength : headerLength));
  const view = viewOf(cluster);
  view.setUint32(4, version);
  if (version === 3) {
    view.setUint32(96, layout.refcountOrder ?? header.refcountOrder);
    view.setUint32(100, headerLength);
  }
  putFields(cluster, layout.change ?? {}, version);
  const end = putExtensions(cluster, headerLength, recordsOf(image, layout));
  putBackingName(cluster, end, backingBytes(old, header, layout.backing));
  return cluster;
}

/** The backing file's format goes with its name. */
function recordsOf({ extensions }: Qcow2Image, layout: HeaderLayout): readonly ExtensionRecord[] {
  const list = layout.extensions ?? extensions.list;
  if (layout.backing === undefined) return list;
  const others = list.filter(({ type }) => type !== extensionTypes.backingFormat);
  const format = layout.backing?.format;
  if (format === undefined) return others;
  return [{ type: extensionTypes.backingFormat, data: new TextEncoder().encode(format) }, ...others];
}

function backingBytes(
  old: Uint8Array,
  { backingName }: Qcow2Header,
  backing: BackingName | null | undefined,
): Uint8Array | undefined {
  if (backing === null) return undefined;
  if (backing !== undefined) return new TextEncoder().encode(backing.filename);
  return backingName && old.subarray(backingName.offset, backingName.offset + backingName.length);
}

/** Answers where they end. */
function putExtensions(cluster: Uint8Array, from: number, list: readonly ExtensionRecord[]): number {
  const view = viewOf(cluster);
  let at = from;
  for (const { type, data } of [...list, { type: extensionTypes.end, data: new Uint8Array(0) }]) {
    const length = 8 + Math.ceil(data.length / 8) * 8;
    if (at + length > cluster.length) throw noRoom("header extensions", cluster.length);
    view.setUint32(at, type);
    view.setUint32(at + 4, data.length);
    cluster.set(data, at + 8);
    at += length;
  }
  return at;
}

function putBackingName(cluster: Uint8Array, at: number, name: Uint8Array | undefined): void {
  if (name !== undefined && at + name.length > cluster.length) {
    throw noRoom("name of the backing file", cluster.length);
  }
  const view = viewOf(cluster);
  view.setBigUint64(8, name === undefined ? 0n : BigInt(at));
  view.setUint32(16, name?.length ?? 0);
  if (name !== undefined) cluster.set(name, at);
}

function viewOf(cluster: Uint8Array): DataView {
  return new DataView(cluster.buffer, cluster.byteOffset, cluster.length);
}

function noRoom(what: string, clusterSize: number): BlockError {
  return new BlockError("ENOSPC", `The ${what} does not fit into the first cluster of ${clusterSize} bytes`, {
    offset: 0,
    length: clusterSize,
    hint: "An image with larger clusters has more room: convert it with a larger cluster size.",
    peer: { message: "No space left on device" },
  });
}
