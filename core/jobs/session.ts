// The images a person is looking at: answers the session's calls. Runs in the session worker, where its reads may
// block; every request is checked here, because it comes from another thread.
import { BlockError, type PlainError, toPlain } from "../base/errors.ts";
import type { ImageSpec } from "../block/driver.ts";
import type { NodeEvent } from "../block/events.ts";
import type { BlockNode, Child } from "../block/node.ts";
import { type Graph, openGraph } from "../graph.ts";
import { readNarrowing } from "../ops/narrow.ts";
import type { Port } from "./contract.ts";
import { givenOptions } from "./givenOptions.ts";
import { EventLog, pathsOf } from "./imageEvents.ts";
import { locate } from "./locate.ts";
import type {
  ImageId,
  NodeSummary,
  Page,
  SessionCalls,
  SessionImage,
  SessionNotice,
} from "./sessionContract.ts";

export type CallName = keyof SessionCalls;
export type CallRequest<N extends CallName> = SessionCalls[N]["request"];
export type CallReply<N extends CallName> = SessionCalls[N]["reply"];

export interface SessionRequest<N extends CallName = CallName> {
  readonly id: number;
  readonly call: N;
  readonly request: CallRequest<N>;
}
export type SessionReply =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly error: PlainError };

/** Longest read, bytes. */
export const longestRead = 1024 * 1024;

/** What nodes notice is told at most this often, milliseconds. */
const noticeEveryMs = 100;

interface OpenImage {
  readonly graph: Graph;
  readonly log: EventLog;
}

export class Session {
  readonly #images = new Map<ImageId, OpenImage>();
  readonly #tell: (notice: SessionNotice) => void;
  #nextId: ImageId = 1;
  #timer: NodeJS.Timeout | undefined;

  /** `tell` hears what nobody asked for. */
  constructor(tell: (notice: SessionNotice) => void = () => undefined) {
    this.#tell = tell;
  }

  readonly calls: { readonly [N in CallName]: (request: CallRequest<N>) => Promise<CallReply<N>> } = {
    open: async ({ spec, format, trustBacking }) => {
      const log = new EventLog();
      let paths: ReadonlyMap<string, string> | undefined;
      const early: NodeEvent[] = [];
      const note = (event: NodeEvent) => {
        if (paths === undefined) {
          if (early.length < mostEarly) early.push(event);
          return;
        }
        const known = paths;
        log.add(event, (name) => known.get(name) ?? "");
        this.#noticeSoon();
      };
      const graph = await openGraph(spec, {
        readOnly: true,
        event: note,
        // Looking at an image never keeps a virtual machine from starting on it.
        forceShare: true,
        toInspect: true,
        backing: trustBacking ? "plain" : "beside",
        ...(format === undefined ? {} : { format }),
      });
      const image = this.#nextId++;
      paths = pathsOf(graph.root);
      this.#images.set(image, { graph, log });
      for (const event of early) note(event);
      return summaryOf(image, graph, spec);
    },
    close: async ({ image }) => {
      const graph = this.#graph(image);
      this.#images.delete(image);
      await graph.close();
      return undefined;
    },
    read: async ({ image, node, offset, length }) => {
      const found = this.#graph(image).nodeAt(node);
      if (found === undefined) throw new BlockError("EINVAL", `the image has no node "${node}"`);
      return readPage(found, offset, length);
    },
    describe: async ({ image, node, offset }) => {
      if (!Number.isSafeInteger(offset) || offset < 0) {
        throw new BlockError("EINVAL", `offset ${offset} is no place in a file`);
      }
      const above = pathAboveFile(node);
      return above === undefined ? undefined : this.#graph(image).nodeAt(above)?.structure?.describe(offset);
    },
    locate: async ({ image, offset }) => locate(this.#graph(image).root, offset),
    journal: async ({ journal, image }) => {
      const { lookAtJournal } = await import("../ops/repairLook.ts");
      return lookAtJournal(journal, image);
    },
    journalAside: async ({ journal, image }) => {
      const { setJournalAside } = await import("../repair/journalAside.ts");
      return setJournalAside(journal, image);
    },
    journalDelete: async ({ journal, image }) => {
      const { deleteJournal } = await import("../repair/journalAside.ts");
      await deleteJournal(journal, image);
      return undefined;
    },
    journalBeside: async ({ image }) => {
      const { journalBeside } = await import("../ops/repairLook.ts");
      return journalBeside(image);
    },
  };

  /** Closes every image. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const open = [...this.#images.values()];
    this.#images.clear();
    for (const { graph } of open) await graph.close();
  }

  #noticeSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      for (const [image, { log }] of this.#images) {
        const events = log.take(image);
        if (events !== undefined) this.#tell({ events });
      }
    }, noticeEveryMs).unref();
  }

  #graph(image: ImageId): Graph {
    const open = this.#images.get(image);
    if (open === undefined) throw new BlockError("EINVAL", `image ${image} is not open`);
    return open.graph;
  }
}

/** The path of the node whose file this is: "" for "file", "backing" for "backing/file". */
function pathAboveFile(path: string): string | undefined {
  if (path === "file") return "";
  return path.endsWith("/file") ? path.slice(0, -"/file".length) : undefined;
}

/** Events of the opening itself, which come before it is known where each node is. */
const mostEarly = 1000;

async function readPage(node: BlockNode, offset: number, length: number): Promise<Page> {
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new BlockError("EINVAL", `cannot read at offset ${offset}: it must be a whole number from 0`);
  }
  if (!Number.isSafeInteger(length) || length < 0 || length > longestRead) {
    throw new BlockError("EINVAL", `cannot read ${length} bytes at once: the most is ${longestRead}`, {
      offset,
    });
  }
  const bytes = new Uint8Array(Math.max(0, Math.min(length, node.size - offset)));
  const bad = await readNarrowing((from, target) => node.read(from, target), offset, bytes);
  return { bytes, bad };
}

function summaryOf(image: ImageId, graph: Graph, spec: ImageSpec): SessionImage {
  const { root } = graph;
  return {
    image,
    format: root.driver,
    size: root.size,
    fileSize: (graph.nodeAt("file") ?? root).size,
    readOnly: root.readOnly,
    info: root.info,
    nodes: nodesOf(root, "", undefined, spec),
    files: graph.nodes.flatMap(({ info }) => info.path ?? []),
  };
}

function nodesOf(
  node: BlockNode,
  path: string,
  role: Child["role"] | undefined,
  spec: ImageSpec,
): NodeSummary[] {
  const { driver, size, name, readOnly, info } = node;
  const below = node.children.flatMap((child) =>
    nodesOf(child.node, path === "" ? child.name : `${path}/${child.name}`, child.role, spec),
  );
  const options = givenOptions(spec, path);
  const own = {
    path,
    driver,
    size,
    role,
    name,
    readOnly,
    dirty: info.dirty === true,
    file: info.path,
    options,
  };
  return [own, ...below];
}

/** Serves a session over the line until it is closed. Calls run side by side; replies carry the call's id. */
export function serveSession(port: Port): void {
  const session = new Session((notice) => port.post(notice));
  port.listen(
    (data) => void answer(session, data as SessionRequest, port),
    () => void session.close(),
  );
}

async function answer(session: Session, message: SessionRequest, port: Port): Promise<void> {
  const { id, call, request } = message;
  try {
    if (!Object.hasOwn(session.calls, call))
      throw new BlockError("EINVAL", `there is no call "${String(call)}"`);
    // The request's type goes with the call's name; TypeScript cannot follow the pair through a table.
    const value = await (session.calls[call] as (request: unknown) => Promise<unknown>)(request);
    port.post(
      { id, ok: true, value } satisfies SessionReply,
      call === "read" ? pageMemory(value as Page) : [],
    );
  } catch (error) {
    port.post({ id, ok: false, error: toPlain(error) } satisfies SessionReply);
  }
}

function pageMemory(page: Page): ArrayBuffer[] {
  return [page.bytes.buffer as ArrayBuffer];
}
