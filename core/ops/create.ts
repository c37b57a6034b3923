// Makes a new image: a file, the format laid down in it, everything on disk. A file made for an image that then could not
// be laid down is removed again; one that was there before is only emptied once the request is known to be possible.
import * as fs from "node:fs";
import * as path from "node:path";
import { BlockError } from "../base/errors.ts";
import type { CreateRequest, Creation } from "../block/driver.ts";
import type { BlockNode } from "../block/node.ts";
import { rawCreation } from "../format/rawCreate.ts";
import { type Graph, openGraph } from "../graph.ts";
import { type CreateFileOptions, createFile } from "../protocol/fileCreate.ts";
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

/** The path of the further file that an image of that name will have; undefined without one. */
export function dataFilePath(name: string, format: string, request: CreateRequest): string | undefined {
  const dataFile = creationOf(format).dataFile?.(request);
  return dataFile === undefined ? undefined : path.resolve(path.dirname(targetPath(name)), dataFile);
}

/**
 * Creates the image; what was in the file is lost. `name` is a file name, `file:NAME` or a device; options are those of
 * the format and of core/protocol/fileOptions.ts. Opening the image afterwards is the caller's, as is the file once
 * `made` was called: it is there, empty and open, and may be given another name before an image is laid down in it.
 * Throws what is wrong with the request before anything is made; EFBIG, ENOSPC, EBUSY (in use), EACCES, ENOENT.
 */
export async function createImage(
  name: string,
  format: string,
  request: CreateRequest,
  made?: () => void,
): Promise<void> {
  const creation = creationOf(format);
  const filename = targetPath(name);
  creation.check(request);
  checkPreallocation(creation, request);
  const dataFile = creation.dataFile?.(request);
  refuseSameFile(filename, dataFilePath(name, format, request));
  const files = new NewFiles();
  try {
    const file = await files.make(filename, {});
    const outside = dataFile === undefined ? undefined : await makeDataFile(files, filename, dataFile);
    made?.();
    await creation.create(file, request, outside);
    await files.finish();
  } catch (thrown) {
    await files.discard();
    throw thrown;
  }
}

/** Files made for an image and open for writing. */
class NewFiles {
  readonly #graphs: Graph[] = [];
  /** Those that were not there before. */
  readonly #added: string[] = [];

  async make(filename: string, options: CreateFileOptions): Promise<BlockNode> {
    const made = createFile(filename, options);
    const full = path.resolve(options.baseDir ?? ".", filename);
    if (made.isNew) this.#added.push(full);
    const graph = await openGraph({ driver: made.driver, filename: full }, { readOnly: false });
    this.#graphs.push(graph);
    return graph.root;
  }

  async finish(): Promise<void> {
    for (const { root } of this.#graphs) await root.flush();
    for (const graph of this.#graphs) await graph.close();
  }

  /** Never throws: there is an error to report already. */
  async discard(): Promise<void> {
    for (const graph of this.#graphs) await graph.close().catch(() => undefined);
    for (const file of this.#added) fs.rmSync(file, { force: true });
  }
}

/** By the name that was given, so that errors have it. */
async function makeDataFile(files: NewFiles, image: string, name: string): Promise<BlockNode> {
  try {
    return await files.make(name, { baseDir: path.dirname(path.resolve(image)) });
  } catch (thrown) {
    if (!(thrown instanceof BlockError) || thrown.code !== "ENOENT") throw thrown;
    const hint = "A data file's relative name starts in the image's folder.";
    throw new BlockError(thrown.code, thrown.message, { ...thrown.context, hint }, { cause: thrown });
  }
}

/** One would overwrite the other. */
function refuseSameFile(image: string, dataFile: string | undefined): void {
  if (dataFile === undefined) return;
  const file = (name: string) => fs.statSync(name, { bigint: true, throwIfNoEntry: false });
  const [a, b] = [file(image), file(dataFile)];
  const isSame = a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
  if (!isSame && path.resolve(image) !== path.resolve(dataFile)) return;
  throw new BlockError("EINVAL", `The data file of '${image}' is the image itself`, {
    path: path.resolve(dataFile),
    option: "data_file",
    hint: "Give the data file another name.",
  });
}

/** An option of the file, which a format that has none of that name only needs to be given in good order. */
function checkPreallocation(creation: Creation, { options }: CreateRequest): void {
  const { preallocation } = options;
  if (preallocation === undefined || creation.options.some(({ name }) => name === "preallocation")) return;
  rawCreation.check({ size: 0, options: { preallocation } });
}
