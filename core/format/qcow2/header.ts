// Reads the header of a qcow2 file with its extensions and the backing file's name: all of it lies in the first cluster.
import type { OpenPurpose } from "../../block/driver.ts";
import type { BlockNode } from "../../block/node.ts";
import { type Extensions, featureName, readExtensions, splitExtensions } from "./extensions.ts";
import {
  autoclear,
  broken,
  checkFeatures,
  longestHeader,
  parseFrame,
  parseHeader,
  type Qcow2Header,
} from "./layout.ts";

export interface Qcow2Image {
  readonly header: Qcow2Header;
  readonly extensions: Extensions;
  readonly backing: StoredName | undefined;
}

export interface StoredName {
  /** As stored; bytes that are no UTF-8 are replaced, which `fault` then says. */
  readonly text: string;
  /** Why no file can have this name. Only opening the backing file minds: `info` still shows the image. */
  readonly fault: string | undefined;
}

/** Throws EINVAL (not qcow2), ENOTSUP, EFBIG, ECORRUPT, EIO. */
export async function readImage(file: BlockNode, purpose: OpenPurpose = "use"): Promise<Qcow2Image> {
  const head = new Uint8Array(longestHeader);
  await readPadded(file, 0, head);
  const frame = parseFrame(head);
  const cluster = new Uint8Array(frame.clusterSize);
  await readPadded(file, 0, cluster);
  return parseImage(cluster, purpose);
}

/** The same of a first cluster in memory. Throws EINVAL (not qcow2), ENOTSUP, EFBIG, ECORRUPT. */
export function parseImage(cluster: Uint8Array, purpose: OpenPurpose = "use"): Qcow2Image {
  const head = cluster.subarray(0, longestHeader);
  const frame = parseFrame(head);
  if (frame.incompatible >> 5n === 0n) {
    const header = parseHeader(head, frame, purpose);
    const hasBitmaps = (header.autoclear & autoclear.bitmaps) !== 0n;
    const extensions = readExtensions(splitExtensions(cluster, frame), header, hasBitmaps);
    if ((header.autoclear & autoclear.rawDataFile) !== 0n && !header.hasDataFile) {
      throw broken("data-file-raw requires a data file", "the autoclear bit 1 is set without one", 88, 8);
    }
    return { header, extensions, backing: storedName(header, cluster) };
  }
  // Names are wanted only for the message; where extensions are broken, numbers do.
  const list = extensionsOrNone(cluster, frame);
  checkFeatures(frame.incompatible, (bit) => featureName(list, bit));
  throw new Error("unknown feature bits were refused");
}

function extensionsOrNone(...args: Parameters<typeof splitExtensions>) {
  try {
    return splitExtensions(...args);
  } catch {
    return [];
  }
}

/** What lies behind the end of a file reads as zeroes, as the peer reads it. Throws EIO. */
export async function readPadded(file: BlockNode, offset: number, target: Uint8Array): Promise<void> {
  const there = Math.max(0, Math.min(target.length, file.size - offset));
  if (there > 0) await file.read(offset, there === target.length ? target : target.subarray(0, there));
  target.fill(0, there);
}

function storedName({ backingName }: Qcow2Header, cluster: Uint8Array): StoredName | undefined {
  if (backingName === undefined) return undefined;
  const bytes = cluster.subarray(backingName.offset, backingName.offset + backingName.length);
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  if (bytes.includes(0)) return { text, fault: "contains a NUL byte" };
  const isSame = Buffer.compare(new TextEncoder().encode(text), bytes) === 0;
  return { text, fault: isSame ? undefined : "is not UTF-8" };
}
