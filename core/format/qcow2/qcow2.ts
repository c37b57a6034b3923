// The qcow2 format driver (qcow2 specification; the file's layout is drawn in layout.ts). A read-only open changes nothing; a
// writable one first clears autoclear bits it does not know.
import * as z from "zod";
import { asBlockError, BlockError } from "../../base/errors.ts";
import { defineDriver, type OpenContext } from "../../block/driver.ts";
import { dataFileChild } from "../../block/extents.ts";
import type { BlockNode, Child } from "../../block/node.ts";
import { child } from "../../block/options.ts";
import { openBacking, openDataFile } from "./backing.ts";
import { type Qcow2Bitmap, readBitmaps } from "./bitmaps.ts";
import { cacheOptions, tableCache } from "./cacheOptions.ts";
import { creation } from "./create.ts";
import { type Qcow2Image, readImage } from "./header.ts";
import type { Qcow2Facts } from "./info.ts";
import { incompatible, probeQcow2 } from "./layout.ts";
import { luksFacts } from "./luks.ts";
import { Qcow2Node } from "./node.ts";
import { inspectSnapshots, readSnapshots, snapshotNamed } from "./snapshots.ts";
import { usedPastEnd } from "./usedEnd.ts";
import { amendOptions } from "./write/amendOptions.ts";
import {
  changeableOptions,
  joinedOptions,
  metadataOptions,
  optionPeerWords,
  writeOptions,
} from "./write/options.ts";
import { WriteSession } from "./write/session.ts";

export const qcow2 = defineDriver({
  kind: "format",
  options: z.strictObject({
    driver: z.literal("qcow2"),
    file: child,
    backing: child.nullish(),
    "data-file": child.optional(),
    snapshot: z
      .string()
      .describe("Id or name of the snapshot to show instead of the disk as it is.")
      .optional(),
    ...cacheOptions,
    ...writeOptions,
  }),
  probe: probeQcow2,
  creation,
  amendOptions,
  empties: true,
  reopening: { options: changeableOptions, join: joinedOptions },
  peerWords: optionPeerWords,
  compresses: true,
  checks: true,
  open: async (options, context) => {
    const file = await context.openChild("file", "file", options.file);
    const image = await readImage(file, context.purpose);
    const tables = tableCache(options, image.header.clusterSize);
    if (!context.readOnly) expectWritable(image, options.snapshot, context);
    const facts = await readFacts(image, file, context);
    const snapshot =
      options.snapshot === undefined ? undefined : snapshotNamed(facts.snapshots, options.snapshot);
    const children: Child[] = [{ name: "file", role: "file", node: file }];
    const dataFile = await openDataFile(options["data-file"], image, file, context);
    if (dataFile) children.push({ name: dataFileChild, role: "file", node: dataFile });
    const backing = await openBacking(options.backing, image, file, context);
    if (backing) children.push({ name: "backing", role: "backing", node: backing });
    const session = context.readOnly
      ? undefined
      : await WriteSession.open({
          file,
          dataFile,
          backing,
          image,
          facts,
          options: metadataOptions(options, tables),
          isUntouched: context.dirty === "untouched",
          warn: (message) => context.warn(message),
        });
    const state = session?.metadata ?? { image, facts };
    const parts = { state, snapshot, children, session, tables };
    return new Qcow2Node({ ...parts, readFacts: (changed) => readFacts(changed, file, context) }, context);
  },
});

/** Throws EACCES (marked as corrupt), EROFS (a snapshot). Who is about to repair it may write to a corrupt one. */
function expectWritable(
  { header }: Qcow2Image,
  snapshot: string | undefined,
  { dirty }: Pick<OpenContext, "dirty">,
): void {
  if (snapshot !== undefined) {
    throw new BlockError("EROFS", "A snapshot can't be written to", {
      option: "snapshot",
      hint: "Open it read-only, or copy it to an image of its own: blkscope convert -l.",
    });
  }
  const isCorrupt = (header.incompatible & incompatible.corrupt) !== 0n;
  if (!isCorrupt || dirty === "skip" || dirty === "untouched") return;
  throw new BlockError("EACCES", "The image is marked as corrupt and can't be opened for writing", {
    offset: 72,
    length: 8,
    hint: "Repair it: blkscope check -r all. It can be opened for reading.",
    peer: { message: "qcow2: Image is corrupt; cannot be opened read/write" },
  });
}

async function readFacts(image: Qcow2Image, file: BlockNode, context: OpenContext): Promise<Qcow2Facts> {
  return {
    ...(await snapshotsOf(image, file, context)),
    bitmaps: await bitmapsOrNone(image, file, context),
    encryption: await encryptionOf(image, file, context),
    usedEnd: context.purpose === "use" ? undefined : await usedEndOf(image, file, context),
  };
}

/** The disk can be read without its refcounts. */
async function usedEndOf(
  { header }: Qcow2Image,
  file: BlockNode,
  context: OpenContext,
): Promise<number | undefined> {
  try {
    return await usedPastEnd(file, header);
  } catch (error) {
    context.warn(`The image's refcounts can't be read: ${asBlockError(error).message}`);
    return undefined;
  }
}

/** The disk and its tables can be looked at without its snapshots. */
async function snapshotsOf(
  { header }: Qcow2Image,
  file: BlockNode,
  { purpose }: OpenContext,
): Promise<Pick<Qcow2Facts, "snapshots" | "snapshotFaults">> {
  if (purpose === "use") return { snapshots: await readSnapshots(file, header), snapshotFaults: [] };
  const { snapshots, faults } = await inspectSnapshots(file, header);
  return { snapshots, snapshotFaults: faults };
}

/** The tables can be looked at without the encryption header. */
async function encryptionOf(
  { header, extensions }: Qcow2Image,
  file: BlockNode,
  context: OpenContext,
): Promise<Qcow2Facts["encryption"]> {
  const { crypt } = header;
  if (crypt === "none") return undefined;
  if (extensions.crypto === undefined) return { format: crypt };
  try {
    return await luksFacts(file, extensions.crypto);
  } catch (error) {
    context.warn(`The image's encryption header can't be read: ${asBlockError(error).message}`);
    return { format: crypt };
  }
}

/** The disk can be read without its bitmaps. */
async function bitmapsOrNone(
  { header, extensions }: Qcow2Image,
  file: BlockNode,
  context: OpenContext,
): Promise<readonly Qcow2Bitmap[]> {
  if (extensions.bitmaps === undefined) return [];
  try {
    return await readBitmaps(file, extensions.bitmaps, header.clusterSize);
  } catch (error) {
    context.warn(`The image's bitmaps can't be read: ${asBlockError(error).message}`);
    return [];
  }
}
