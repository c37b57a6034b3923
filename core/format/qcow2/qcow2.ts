// The qcow2 format driver (qcow2 specification; the file's layout is drawn in layout.ts). Opening changes nothing.
import * as z from "zod";
import { asBlockError } from "../../base/errors.ts";
import { defineDriver, type OpenContext } from "../../block/driver.ts";
import { dataFileChild } from "../../block/extents.ts";
import type { BlockNode, Child } from "../../block/node.ts";
import { child } from "../../block/options.ts";
import { openBacking, openDataFile } from "./backing.ts";
import { type Qcow2Bitmap, readBitmaps } from "./bitmaps.ts";
import { creation } from "./create.ts";
import { type Qcow2Image, readImage } from "./header.ts";
import type { Qcow2Facts } from "./info.ts";
import { probeQcow2 } from "./layout.ts";
import { luksFacts } from "./luks.ts";
import { Qcow2Node, refuseWriting } from "./node.ts";
import { readSnapshots, snapshotNamed } from "./snapshots.ts";

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
  }),
  probe: probeQcow2,
  creation,
  open: async (options, context) => {
    if (!context.readOnly) await refuseWriting();
    const file = await context.openChild("file", "file", options.file);
    const image = await readImage(file);
    const facts = await readFacts(image, file, context);
    const snapshot =
      options.snapshot === undefined ? undefined : snapshotNamed(facts.snapshots, options.snapshot);
    const children: Child[] = [{ name: "file", role: "file", node: file }];
    const dataFile = await openDataFile(options["data-file"], image, file, context);
    if (dataFile) children.push({ name: dataFileChild, role: "file", node: dataFile });
    const backing = await openBacking(options.backing, image, file, context);
    if (backing) children.push({ name: "backing", role: "backing", node: backing });
    return new Qcow2Node(image, facts, snapshot, children, context);
  },
});

async function readFacts(image: Qcow2Image, file: BlockNode, context: OpenContext): Promise<Qcow2Facts> {
  return {
    snapshots: await readSnapshots(file, image.header),
    bitmaps: await bitmapsOrNone(image, file, context),
    encryption: await encryptionOf(image, file, context),
  };
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
