// The session as main keeps it: which images the window has open, by ids that are never used twice, the worker
// that holds them, and a watch on each file. A dead worker is replaced at the next call.
import { constants, statSync } from "node:fs";
import { access } from "node:fs/promises";
import * as path from "node:path";
import { asBlockError, BlockError, toPlain } from "../core/base/errors.ts";
import type { ImageSpec } from "../core/block/driver.ts";
import type { StructureAt } from "../core/block/structure.ts";
import { imageSpecForPath } from "../core/graph.ts";
import type { SessionClient } from "../core/jobs/sessionClient.ts";
import type { Location, Page, SessionNotice } from "../core/jobs/sessionContract.ts";
import type { FoundJournal, JournalFacts } from "../core/ops/repairRun.ts";
import { identityOf } from "../core/protocol/openFiles.ts";
import type { Emit } from "./events.ts";
import { displayText, type FileTokens } from "./files.ts";
import { FileWatch, fileFacts } from "./fileWatch.ts";
import type { GraphTokens } from "./graphs.ts";
import type { FileRef, FileState, OpenedImage } from "./ipc/contract.ts";

export type SessionWorker = Pick<SessionClient, "call" | "close">;

interface OpenImage {
  readonly worker: SessionWorker;
  /** The image's id in the worker, which starts again with each worker. */
  readonly inWorker: number;
  /** How a job opens the same. */
  readonly spec: ImageSpec;
  /** Paths of all files it stands on, backing files too. */
  readonly files: readonly string[];
  readonly file: FileRef;
  readonly watches: readonly FileWatch[];
}

interface OwnWrite {
  writers: number;
  /** By image, what was not told yet. */
  readonly news: Map<number, FileState>;
}

/** How to open an image. */
export interface OpenHow {
  /** Instead of probing. */
  readonly format?: "raw" | "qed" | "qcow2" | undefined;
  /** The person allows backing files outside the image's folder. */
  readonly trustBacking?: boolean | undefined;
}

/** What a job needs to open the same image in its own thread. */
export interface ImageSource {
  readonly spec: ImageSpec;
  readonly name: string;
}

/** What a repair works on. */
export interface ImageFile {
  readonly path: string;
  readonly format: string;
  readonly name: string;
}

/** A worker that ends this often in this time is not started again for now: opening anew would go on for ever. */
const mostLosses = 3;
const lossWindowMs = 60_000;

type StartWorker = (
  onLost: (error: BlockError) => void,
  onNotice: (notice: SessionNotice) => void,
) => SessionWorker;

export class ImageSession {
  readonly #files: FileTokens;
  readonly #graphs: GraphTokens;
  readonly #emit: Emit;
  readonly #startWorker: StartWorker;
  readonly #images = new Map<number, OpenImage>();
  readonly #now: () => number;
  #worker: SessionWorker | undefined;
  #nextId = 1;
  /** By path, files that the app itself writes to now, and what became of the images that stand on them. */
  readonly #ownWrites = new Map<string, OwnWrite>();
  /** When the last workers ended, by the clock of `now`. */
  #losses: number[] = [];

  constructor(
    { files, graphs }: { readonly files: FileTokens; readonly graphs: GraphTokens },
    emit: Emit,
    startWorker: StartWorker,
    now: () => number = () => performance.now(),
  ) {
    this.#files = files;
    this.#graphs = graphs;
    this.#emit = emit;
    this.#startWorker = startWorker;
    this.#now = now;
  }

  /** Starts the worker ahead of the first call; not where one has died, which the next call deals with. */
  warmUp(): void {
    if (this.#losses.length === 0) this.#current();
  }

  /** Opens the file, or the graph kept under the token, read-only. Throws the block core's errors. */
  async open(token: string, { format, trustBacking }: OpenHow = {}): Promise<OpenedImage> {
    const { spec, paths, file } = this.#asked(token);
    const worker = this.#current();
    // Facts from before the opening: a change while it opens is then seen as one.
    const [facts, writable] = await Promise.all([
      Promise.all(paths.map((each) => fileFacts(each).catch(() => undefined))),
      Promise.all(paths.map(isWritable)),
    ]);
    const { files, nodes, ...summary } = await worker.call("open", {
      spec,
      ...(format === undefined ? {} : { format }),
      ...(trustBacking === undefined ? {} : { trustBacking }),
    });
    if (worker !== this.#worker)
      throw new BlockError("ECANCELED", "the session ended while the image opened");
    const image = this.#nextId++;
    const onChange = (path: string) => (state: FileState) => {
      const own = this.#ownWrites.get(path);
      if (own === undefined) this.#emit("image:changed", { image, state });
      else own.news.set(image, state);
    };
    this.#images.set(image, {
      worker,
      inWorker: summary.image,
      spec:
        typeof spec === "object" && spec.driver === undefined ? { ...spec, driver: summary.format } : spec,
      files,
      file,
      watches: paths.flatMap((each, index) => {
        const before = facts[index];
        return before === undefined ? [] : [new FileWatch(each, before, onChange(each))];
      }),
    });
    return {
      ...summary,
      image,
      file,
      writable: writable.every(Boolean),
      nodes: nodes.map((node) => ({ ...node, file: node.file && displayText(path.basename(node.file)) })),
    };
  }

  #asked(token: string): { spec: ImageSpec; paths: readonly string[]; file: FileRef } {
    const graph = this.#graphs.get(token);
    if (graph !== undefined) return { spec: graph.options, paths: graph.paths, file: graph.file };
    const filename = this.#files.pathOf(token);
    return { spec: imageSpecForPath(filename), paths: [filename], file: this.#files.refOf(filename) };
  }

  async close(image: number): Promise<undefined> {
    const { worker, inWorker, watches } = this.#image(image);
    for (const watch of watches) watch.close();
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

  /** `node` is the path of a format's file. */
  async describe(image: number, node: string, offset: number): Promise<StructureAt | undefined> {
    const { worker, inWorker } = this.#image(image);
    return worker.call("describe", { image: inWorker, node, offset });
  }

  /**
   * The app itself writes to the file from now on, until what is answered is called: the page then opens its images
   * again, and hears only at the end that they have changed.
   */
  writing(path: string): () => void {
    const own = this.#ownWrites.get(path) ?? { writers: 0, news: new Map() };
    own.writers += 1;
    this.#ownWrites.set(path, own);
    return () => {
      own.writers -= 1;
      if (own.writers > 0) return;
      this.#ownWrites.delete(path);
      for (const [image, state] of own.news) {
        if (this.#images.has(image)) this.#emit("image:changed", { image, state });
      }
    };
  }

  /** Whether the app writes to that file now, by whatever name. */
  isWriting(path: string): boolean {
    const own = identityAt(path);
    return [...this.#ownWrites.keys()].some(
      (other) => other === path || (own !== undefined && identityAt(other) === own),
    );
  }

  /** What the file is on disk, against what it was when opened or last accepted. */
  async state(image: number, accept: boolean): Promise<FileState> {
    const states = await Promise.all(this.#image(image).watches.map((watch) => watch.state(accept)));
    return states.find(({ kind }) => kind !== "same") ?? { kind: "same" };
  }

  /** For a job: the same file in the same format that the person sees. */
  sourceOf(image: number): ImageSource {
    const { spec, file } = this.#image(image);
    return { spec, name: file.name };
  }

  /** The image's own file, and the format that the person sees. Throws EINVAL for a graph. */
  fileOf(image: number): ImageFile {
    const { spec, file } = this.#image(image);
    const format = typeof spec === "object" ? spec.driver : undefined;
    if (format === undefined || this.#graphs.get(file.token) !== undefined) {
      throw new BlockError("EINVAL", `'${file.name}' is a graph of several nodes, not one file`, {
        hint: "Open the image's own file instead.",
      });
    }
    return { path: this.#files.pathOf(file.token), format, name: file.name };
  }

  /** What an undo journal says; `image` is the path of a file instead of the one it names. */
  async journal(journal: string, image: string | undefined): Promise<JournalFacts> {
    return this.#current().call("journal", { journal, ...(image === undefined ? {} : { image }) });
  }

  /** Gives a journal another name beside it, and answers its path; of a repair that was cut off it throws EINVAL. */
  async journalAside(journal: string, image: string | undefined): Promise<string> {
    return this.#current().call("journalAside", { journal, ...(image === undefined ? {} : { image }) });
  }

  /** Deletes a journal by which nothing can be done any more; of any other it throws EINVAL. */
  async journalDelete(journal: string, image: string | undefined): Promise<undefined> {
    return this.#current().call("journalDelete", { journal, ...(image === undefined ? {} : { image }) });
  }

  /** The journal of a repair that was cut off or never begun, beside an open image. */
  async journalBeside(image: number): Promise<FoundJournal | undefined> {
    const { file } = this.#image(image);
    if (this.#graphs.get(file.token) !== undefined) return undefined;
    return this.#current().call("journalBeside", { image: this.#files.pathOf(file.token) });
  }

  /** Files of the open images, each once, in the order of opening. */
  openFiles(): readonly FileRef[] {
    const files = [...this.#images.values()].map(({ file }) => file);
    return [...new Set(files)].filter(({ token }) => this.#graphs.get(token) === undefined);
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
    const worker = this.#startWorker(
      (error) => this.#lost(worker, error),
      (notice) => this.#noticed(worker, notice),
    );
    this.#worker = worker;
    return worker;
  }

  /** Events of an image that was closed meanwhile are of no interest any more. */
  #noticed(worker: SessionWorker, { events }: SessionNotice): void {
    for (const [image, open] of this.#images) {
      if (open.worker === worker && open.inWorker === events.image) {
        this.#emit("image:events", { ...events, image });
      }
    }
  }

  #lost(worker: SessionWorker, error: BlockError): void {
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    this.#losses = [...this.#losses, this.#now()].slice(-mostLosses);
    this.#forgetImages();
    this.#emit("session:lost", { error: toPlain(asBlockError(error)) });
  }

  #forgetImages(): void {
    for (const { watches } of this.#images.values()) for (const watch of watches) watch.close();
    this.#images.clear();
  }

  #image(image: number): OpenImage {
    const found = this.#images.get(image);
    if (found !== undefined) return found;
    throw new BlockError("EINVAL", `image ${image} is not open`, { hint: "Open the file again." });
  }
}

/** Undefined: there is no such file. */
function identityAt(path: string): string | undefined {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat && identityOf(stat);
}

async function isWritable(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}
