// Makes a new image: a file, the format laid down in it, everything on disk. A file made for an image that then could not
// be laid down is removed again; one that was there before is only emptied once the request is known to be possible.
import * as fs from "node:fs";
import * as path from "node:path";
import { BlockError } from "../base/errors.ts";
import type { CreateRequest, Creation } from "../block/driver.ts";
import { rawCreation } from "../format/rawCreate.ts";
import { openGraph } from "../graph.ts";
import { createFile } from "../protocol/fileCreate.ts";
import { driverNamed } from "../registry.ts";
import { parseSpec } from "../spec.ts";

/** How images of the format come to be. Throws EINVAL (no such format), ENOTSUP (it can't be created). */
export function creationOf(format: string): Creation {
  const driver = driverNamed(format);
  if (driver === undefined) throw new BlockError("EINVAL", `Unknown file format '${format}'`);
  if (driver.creation !== undefined) return driver.creation;
  throw new BlockError("ENOTSUP", `Format driver '${format}' does not support image creation`);
}

/** The path of the file that a target's name stands for. Throws EINVAL, ENOTSUP (no protocol that makes files). */
export function targetPath(name: string): string {
  const { file } = parseSpec(name) as { file?: { driver?: unknown; filename?: unknown } };
  if (typeof file?.filename === "string" && protocols.includes(String(file.driver))) return file.filename;
  const protocol = String(file?.driver ?? "");
  throw new BlockError("ENOTSUP", `Protocol driver '${protocol}' does not support image creation`, {
    hint: "Images are created in files and on devices.",
  });
}

const protocols = ["file", "host_device", "host_cdrom"];

/**
 * Creates the image; what was in the file is lost. `name` is a file name, `file:NAME` or a device; options are those of
 * the format and of core/protocol/fileOptions.ts. Opening the image afterwards is the caller's.
 * Throws what is wrong with the request before anything is made; EFBIG, ENOSPC, EBUSY (in use), EACCES, ENOENT.
 */
export async function createImage(name: string, format: string, request: CreateRequest): Promise<void> {
  const creation = creationOf(format);
  const filename = targetPath(name);
  creation.check(request);
  checkPreallocation(creation, request);
  const made = createFile(filename);
  try {
    const graph = await openGraph({ driver: made.driver, filename }, { readOnly: false });
    try {
      await creation.create(graph.root, request);
      await graph.root.flush();
    } finally {
      await graph.close();
    }
  } catch (thrown) {
    if (made.isNew) fs.rmSync(path.resolve(filename), { force: true });
    throw thrown;
  }
}

/** An option of the file, which a format that has none of that name only needs to be given in good order. */
function checkPreallocation(creation: Creation, { options }: CreateRequest): void {
  const { preallocation } = options;
  if (preallocation === undefined || creation.options.some(({ name }) => name === "preallocation")) return;
  rawCreation.check({ size: 0, options: { preallocation } });
}
