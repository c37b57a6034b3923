// The second thread of a comparison: opens the images by itself, scans the items it is sent and answers with
// what it found. Both ends of the line are here. A helper that fails or dies costs time, never a result.
import { BlockError, toPlain } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import { openGraph } from "../graph.ts";
import type { CompareParams, Port } from "../jobs/contract.ts";
import type { WorkItem } from "./plan.ts";
import { buffersOf } from "./rows.ts";
import { type ItemResult, Scanner } from "./scan.ts";
import { Side } from "./side.ts";

/** Sizes of the two images as the coordinator has them, bytes. */
export interface ImageSizes {
  readonly a: number;
  readonly b: number;
}

type ToHelper =
  | {
      readonly kind: "open";
      readonly params: CompareParams;
      readonly sizes: ImageSizes;
      readonly claims: Int32Array;
    }
  | { readonly kind: "scan"; readonly index: number; readonly item: WorkItem }
  | { readonly kind: "stop" };
type FromHelper =
  | { readonly kind: "ready" }
  | { readonly kind: "result"; readonly index: number; readonly result: ItemResult }
  | { readonly kind: "fail"; readonly message: string };

/** Items sent and not answered, so that the helper need not wait for the next while the coordinator is busy. */
const queueLength = 4;
/**
 * An item sent can still be taken back by the thread that runs out of work first: item `index` is free while slot
 * `index` modulo this of the shared claims holds `index` + 1. Larger than the distance of any two items under way, which
 * the results that may wait for an earlier one bound.
 */
const claimSlots = 1024;
const claimed = 0;

function claim(claims: Int32Array, index: number): boolean {
  return Atomics.compareExchange(claims, index % claimSlots, index + 1, claimed) === index + 1;
}

/** How long a helper may take to stop, milliseconds: its reads may hang on a dead disk. */
const stopTimeoutMs = 120;

/** The coordinator's end. */
export class CompareHelper {
  readonly #port: Port;
  readonly #onResult: (index: number, result: ItemResult) => void;
  readonly #sent = new Map<number, WorkItem>();
  readonly #claims = new Int32Array(new SharedArrayBuffer(claimSlots * Int32Array.BYTES_PER_ELEMENT));
  #state: "starting" | "ready" | "gone" = "starting";
  #wake: (() => void) | undefined;

  /** `onResult` is called at a turn of the event loop, in any order of items. */
  constructor(
    port: Port,
    params: CompareParams,
    sizes: ImageSizes,
    onResult: (index: number, result: ItemResult) => void,
  ) {
    this.#port = port;
    this.#onResult = onResult;
    port.listen(
      (message) => this.#take(message as FromHelper),
      () => this.#end(),
    );
    this.#post({ kind: "open", params, sizes, claims: this.#claims });
  }

  /** It would take another item now. */
  get hungry(): boolean {
    return this.#state === "ready" && this.#sent.size < queueLength;
  }

  /** Items it has been sent and has not answered. */
  get busy(): boolean {
    return this.#sent.size > 0;
  }

  send(index: number, item: WorkItem): void {
    this.#sent.set(index, item);
    Atomics.store(this.#claims, index % claimSlots, index + 1);
    this.#post({ kind: "scan", index, item });
  }

  /** Takes back an item that the helper has not begun. */
  steal(): readonly [number, WorkItem] | undefined {
    for (const [index, item] of this.#sent) {
      if (!claim(this.#claims, index)) continue;
      this.#sent.delete(index);
      return [index, item];
    }
    return undefined;
  }

  /** Items lost with a helper that is gone: to be scanned by someone else. */
  takeBack(): readonly (readonly [number, WorkItem])[] {
    if (this.#state !== "gone") return [];
    const lost = [...this.#sent];
    this.#sent.clear();
    return lost;
  }

  /** Resolves at the next message, at the helper's end, or after `timeoutMs`. */
  async wait(timeoutMs: number): Promise<void> {
    if (this.#state === "gone") return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  /** Asks it to stop where it is and waits a little for what it has found. */
  async stop(): Promise<void> {
    if (this.#state !== "ready" || !this.busy) return;
    this.#post({ kind: "stop" });
    const deadline = performance.now() + stopTimeoutMs;
    while (this.busy && this.#state === "ready" && performance.now() < deadline) {
      await this.wait(Math.max(1, deadline - performance.now()));
    }
  }

  close(): void {
    this.#state = "gone";
    this.#port.close();
  }

  #take(message: FromHelper): void {
    if (this.#state === "gone") return;
    switch (message.kind) {
      case "ready":
        this.#state = "ready";
        break;
      case "result":
        if (this.#sent.delete(message.index)) this.#onResult(message.index, message.result);
        break;
      case "fail":
        this.close();
        break;
    }
    this.#wake?.();
  }

  #end(): void {
    this.#state = "gone";
    this.#wake?.();
  }

  #post(message: ToHelper): void {
    this.#port.post(message);
  }
}

/** The thread's end: serves one comparison until the line is closed. */
export function serveCompareHelper(port: Port): void {
  const stop = new AbortController();
  const pace = new Pace(stop.signal);
  let scanner: Scanner | undefined;
  let claims: Int32Array = new Int32Array(claimSlots);
  let chain: Promise<void> = Promise.resolve();
  const post = (message: FromHelper, transfer?: readonly ArrayBuffer[]) => port.post(message, transfer);

  async function open({ params, sizes, claims: shared }: Extract<ToHelper, { kind: "open" }>): Promise<void> {
    claims = shared;
    // Where locks are wanted, the first thread holds them.
    const options = { forceShare: true, ...(params.backing && { backing: params.backing }) };
    const a = await openGraph(params.a, options);
    const b = await openGraph(params.b, options);
    // Resized in between: what the coordinator fails to read would be past the end here, and so be zeroes.
    if (a.root.size !== sizes.a || b.root.size !== sizes.b) {
      throw new BlockError("EIO", "an image was resized while the comparison started");
    }
    scanner = new Scanner(
      new Side("a", a.root, 0),
      new Side("b", b.root, params.shift ?? 0),
      params.stopAtFirst === true,
    );
    post({ kind: "ready" });
  }
  async function scan(index: number, item: WorkItem): Promise<void> {
    if (scanner === undefined) throw new BlockError("EINVAL", "an item was sent before the images were open");
    if (!claim(claims, index)) return;
    const result = await scanner.scan(item, pace);
    post({ kind: "result", index, result }, result.rows === undefined ? [] : buffersOf(result.rows));
  }
  port.listen((data) => {
    const message = data as ToHelper;
    if (message.kind === "stop") {
      stop.abort();
      return;
    }
    chain = chain
      .then(() => (message.kind === "open" ? open(message) : scan(message.index, message.item)))
      .catch((error: unknown) => post({ kind: "fail", message: toPlain(error).message }));
  });
}
