// What nodes of an open image notice, gathered for a list on screen: the same thing seen again (a page read twice, a
// failed read tried in pieces) counts instead of filling the list, and the list has an end.
import type { NodeEvent } from "../block/events.ts";
import type { BlockNode } from "../block/node.ts";

export interface ImageEvent {
  /** From 0, in the order of first sight. */
  readonly id: number;
  readonly kind: Exclude<NodeEvent["kind"], "repair">;
  /** Path of the node that tells, and of the one it is about: the node a person should look at. */
  readonly node: string;
  readonly about: string;
  readonly op: string;
  /** Bytes in the node that tells: the request, and the first byte that differs where it is known. */
  readonly offset: number;
  readonly length: number;
  readonly at: number;
  /** One line. */
  readonly text: string;
  /** How often it was seen. */
  readonly times: number;
}

/** What is new since the last time: new events, and those seen again. */
export interface ImageEvents {
  readonly image: number;
  readonly events: readonly ImageEvent[];
  /** Different events that were not kept. */
  readonly more: number;
}

/** Different events kept of one image. */
export const mostEvents = 10_000;
const sectorSize = 512;

type Row = Omit<ImageEvent, "id" | "times">;

export class EventLog {
  readonly #rows = new Map<string, ImageEvent>();
  readonly #fresh = new Map<number, ImageEvent>();
  readonly #most: number;
  #more = 0;
  #toldMore = 0;

  constructor(most = mostEvents) {
    this.#most = most;
  }

  /** `pathOf` gives the path of a node by its name. */
  add(event: NodeEvent, pathOf: (name: string) => string): void {
    const row = rowOf(event, pathOf);
    if (row === undefined) return;
    const key = keyOf(row);
    const known = this.#rows.get(key);
    if (known === undefined && this.#rows.size >= this.#most) {
      this.#more += 1;
      return;
    }
    const seen = known ? { ...known, times: known.times + 1 } : { ...row, id: this.#rows.size, times: 1 };
    this.#rows.set(key, seen);
    this.#fresh.set(seen.id, seen);
  }

  /** What is new since the last call; undefined when nothing is. */
  take(image: number): ImageEvents | undefined {
    if (this.#fresh.size === 0 && this.#more === this.#toldMore) return undefined;
    const events = [...this.#fresh.values()];
    this.#fresh.clear();
    this.#toldMore = this.#more;
    return { image, events, more: this.#more };
  }
}

/** Bytes within which the same thing is one event: the app reads no less, and tries again in pieces what failed. */
const neighbourhood = 64 * 1024;

/** Sight of the same byte or place again is the same event, whatever the request around it was. */
function keyOf({ kind, node, about, op, at, text }: Row): string {
  const place = kind === "mismatch" ? at : Math.floor(at / neighbourhood);
  const what = kind === "mismatch" ? "" : text;
  return JSON.stringify([kind, node, about, op, place, what]);
}

/** undefined for what no person needs to see in a list: breakpoints, and the lines of repairs. */
function rowOf(event: NodeEvent, pathOf: (name: string) => string): Row | undefined {
  switch (event.kind) {
    case "mismatch": {
      const { node, op, offset, length, difference, text } = event;
      const path = pathOf(node);
      const at = difference?.offset ?? offset;
      return { kind: event.kind, node: path, about: path, op, offset, length, at, text };
    }
    case "quorum-report-bad": {
      const { node, child, type, error } = event;
      const range = rangeOf(event);
      const why = error === undefined ? "was outvoted" : `failed: ${error}`;
      const about = inside(pathOf(node), child);
      return { kind: event.kind, node: pathOf(node), about, op: type, ...range, text: `${child} ${why}` };
    }
    case "quorum-failure": {
      const path = pathOf(event.node);
      const text = "No quorum: too few copies say the same";
      return { kind: event.kind, node: path, about: path, op: "read", ...rangeOf(event), text };
    }
    case "log-error": {
      const { node, op, offset, length, error } = event;
      const path = pathOf(node);
      const text = `Could not be logged: ${error.message}`;
      return { kind: event.kind, node: path, about: path, op, offset, length, at: offset, text };
    }
    case "injected": {
      const { node, op, offset, length, errno } = event;
      const path = pathOf(node);
      const text = `Error ${errno} injected on purpose`;
      return { kind: event.kind, node: path, about: path, op, offset, length, at: offset, text };
    }
    case "finding": {
      const { node, finding } = event;
      const { offset, length, message: text } = finding;
      const path = pathOf(node);
      const about = inside(path, "file");
      return { kind: event.kind, node: path, about, op: "check", offset, length, at: offset, text };
    }
    case "breakpoint":
    case "repair":
      return undefined;
  }
}

function rangeOf({ sectorNum, sectorsCount }: { sectorNum: number; sectorsCount: number }) {
  const offset = sectorNum * sectorSize;
  return { offset, length: sectorsCount * sectorSize, at: offset };
}

const inside = (path: string, child: string) => (path === "" ? child : `${path}/${child}`);

/** The path of every node under `root` by its name. */
export function pathsOf(root: BlockNode): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  const walk = (node: BlockNode, path: string) => {
    if (!paths.has(node.name)) paths.set(node.name, path);
    for (const child of node.children) walk(child.node, inside(path, child.name));
  };
  walk(root, "");
  return paths;
}
