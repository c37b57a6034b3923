// The session as main keeps it: which images the window has open, by ids that are never used twice, the worker
// that holds them, and a watch on each file. A dead worker is replaced at the next call.
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { asBlockError, BlockError, toPlain } from "../core/base/errors.ts";
import type { ImageSpec } from "../core/block/driver.ts";
import { imageSpecForPath } from "../core/graph.ts";
import type { SessionClient } from "../core/jobs/sessionClient.ts";
import type { Location, Page } from "../core/jobs/sessionContract.ts";
import type { Emit } from "./events.ts";
import type { FileTokens } from "./files.ts";
import { FileWatch, fileFacts } from "./fileWatch.ts";
import type { FileRef, FileState, OpenedImage } from "./ipc/contract.ts";

export type SessionWorker = Pick<SessionClient, "call" | "close">;

interface OpenImage {
  readonly worker: SessionWorker;
  /** The image's id in the worker, which starts again with each worker. */
  readonly inWorker: number;
  readonly path: string;
  /** Paths of all files it stands on, backing files too. */
  readonly files: readonly string[];
  readonly file: FileRef;
  readonly format: string;
  readonly watch: FileWatch | undefined;
}

/** How to open an image. */
export interface OpenHow {
  /** Instead of probing. */
  readonly format?: "raw" | "qed" | undefined;
  /** The person allows backing files outside the image's folder. */
  readonly trustBacking?: boolean | undefined;
}

/** What a job needs to open the same image in its own thread. */
export interface ImageSource {
  readonly spec: ImageSpec;
  readonly name: string;
}

/** A worker that ends this often in this time is not started again for now: opening anew would go on for ever. */
const mostLosses = 3;
const lossWindowMs = 60_000;

export class ImageSession {
  readonly #files: FileTokens;
  readonly #emit: Emit;
  readonly #startWorker: (onLost: (error: BlockError) => void) => SessionWorker;
  readonly #images = new Map<number, OpenImage>();
  readonly #now: () => number;
  #worker: SessionWorker | undefined;
  #nextId = 1;
  /** When the last workers ended, by the clock of `now`. */
  #losses: number[] = [];

  constructor(
    files: FileTokens,
    emit: Emit,
    startWorker: (onLost: (error: BlockError) => void) => SessionWorker,
    now: () => number = () => performance.now(),
  ) {
    this.#files = files;
    this.#emit = emit;
    this.#startWorker = startWorker;
    this.#now = now;
  }

  /** Starts the worker ahead of the first call; not where one has died, which the next call deals with. */
  warmUp(): void {
    if (this.#losses.length === 0) this.#current();
  }

  /** Opens the file read-only. Throws the block core's errors. */
  async open(token: string, { format, trustBacking }: OpenHow = {}): Promise<OpenedImage> {
    const path = this.#files.pathOf(token);
    const worker = this.#current();
    // Facts from before the opening: a change while it opens is then seen as one.
    const [facts, writable] = await Promise.all([fileFacts(path).catch(() => undefined), isWritable(path)]);
    const { files, ...summary } = await worker.call("open", {
      spec: imageSpecForPath(path),
      ...(format === undefined ? {} : { format }),
      ...(trustBacking === undefined ? {} : { trustBacking }),
    });
    if (worker !== this.#worker)
      throw new BlockError("ECANCELED", "the session ended while the image opened");
    const image = this.#nextId++;
    const file = this.#files.refOf(path);
    this.#images.set(image, {
      worker,
      inWorker: summary.image,
      path,
      files,
      file,
      format: summary.format,
      watch: facts && new FileWatch(path, facts, (state) => this.#emit("image:changed", { image, state })),
    });
    return { ...summary, image, file, writable };
  }

  async close(image: number): Promise<undefined> {
    const { worker, inWorker, watch } = this.#image(image);
    watch?.close();
    this.#images.delete(image);
    await worker.call("close", { image: inWorker });
    return undefined;
  }

  async read(image: number, node: string, offset: number, length: number): Promise<Page> {
    const { worker, inWorker } = this.#image(image);
    return worker.call("read", { image: inWorker, node, offset, length });
  }

  async locate(image: number, offset: number): Promise<readonly Location[]> {
    const { worker, inWorker } = this.#image(image);
    return worker.call("locate", { image: inWorker, offset });
  }

  /** What the file is on disk, against what it was when opened or last accepted. */
  async state(image: number, accept: boolean): Promise<FileState> {
    return (await this.#image(image).watch?.state(accept)) ?? { kind: "same" };
  }

  /** For a job: the same file in the same format that the person sees. */
  sourceOf(image: number): ImageSource {
    const { path, file, format } = this.#image(image);
    return { spec: { driver: format, file: { driver: "file", filename: path } }, name: file.name };
  }

  /** Files of the open images, each once, in the order of opening. */
  openFiles(): readonly FileRef[] {
    return [...new Set([...this.#images.values()].map(({ file }) => file))];
  }

  /** Paths of all files that the open images stand on: what must not be written over. */
  openPaths(): readonly string[] {
    return [...this.#images.values()].flatMap(({ files }) => files);
  }

  /** Lets go of every image at once, however the worker is doing. The next call starts another. */
  reset(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#forgetImages();
    worker?.close();
  }

  #current(): SessionWorker {
    if (this.#worker !== undefined) return this.#worker;
    if (this.#losses.filter((at) => this.#now() - at < lossWindowMs).length >= mostLosses) {
      throw new BlockError("EIO", `the thread that reads images ended ${mostLosses} times within a minute`, {
        hint: "One of the open images may be the cause: close it, wait a minute and open the others again.",
      });
    }
    const worker = this.#startWorker((error) => this.#lost(worker, error));
    this.#worker = worker;
    return worker;
  }

  #lost(worker: SessionWorker, error: BlockError): void {
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    this.#losses = [...this.#losses, this.#now()].slice(-mostLosses);
    this.#forgetImages();
    this.#emit("session:lost", { error: toPlain(asBlockError(error)) });
  }

  #forgetImages(): void {
    for (const { watch } of this.#images.values()) watch?.close();
    this.#images.clear();
  }

  #image(image: number): OpenImage {
    const found = this.#images.get(image);
    if (found !== undefined) return found;
    throw new BlockError("EINVAL", `image ${image} is not open`, { hint: "Open the file again." });
  }
}

async function isWritable(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}
