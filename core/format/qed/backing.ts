// The backing file of a QED image: its name in the header area, what opens it, and what `info` says of it.
import { bitNumbers, hex } from "../../base/bytes.ts";
import { BlockError } from "../../base/errors.ts";
import { absentBacking, holdsNoData } from "../../block/absent.ts";
import { backingFailed, backingSpec, pathOf, plainBackingPath } from "../../block/backing.ts";
import type { ImageSpec, OpenContext } from "../../block/driver.ts";
import type { BlockNode, NodeInfo } from "../../block/node.ts";
import { featureBits, type QedHeader } from "./layout.ts";

export interface StoredName {
  /** As stored; bytes that are no UTF-8 are replaced, which `fault` then says. */
  readonly text: string;
  /** Why no file can have this name. Only opening the backing file minds: `info` still shows the image. */
  readonly fault: string | undefined;
}

/** The name lies in the header area, which ends before the L1 table and with it inside the file. */
export async function readBackingName(header: QedHeader, file: BlockNode): Promise<StoredName | undefined> {
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
export async function openBacking(
  given: ImageSpec | null | undefined,
  name: StoredName | undefined,
  header: QedHeader,
  file: BlockNode,
  context: OpenContext,
): Promise<BlockNode | undefined> {
  if (given === null || context.backing === "none") return undefined;
  if (given) return context.openChild("backing", "backing", given);
  if (name === undefined) return undefined;
  if (holdsNoData(file)) return absentBacking(`${context.name}/backing`, header.imageSize);
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

export function infoOf(
  header: QedHeader,
  name: StoredName | undefined,
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
