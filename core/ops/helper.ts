// A thread that helps a comparison, seen from the one that compares: it is sent items of the plan and answers with what
// it found. One that fails or dies costs time, never a result.
import type { Port } from "../jobs/contract.ts";
import type { WorkItem } from "./plan.ts";
import type { ItemResult } from "./scan.ts";

/** The first thing that a helper is told. */
export interface Opening {
  readonly kind: "open";
  /** Which items are free to be begun, by `claim`. */
  readonly claims: Int32Array;
  /** One number: 1 when nothing more is wanted. For a helper that takes in no messages while it works. */
  readonly stopped: Int32Array;
}
export type FromHelper =
  /** Without a result, the item is for the other thread. */
  | { readonly kind: "result"; readonly index: number; readonly result?: ItemResult | undefined }
  | { readonly kind: "fail"; readonly message: string };

/** What a helper is made of. */
export interface HelperKind {
  /** Only equal items are its own: it is quickly begun, and knows nothing but files. */
  readonly isPlain: boolean;
  /** What goes with the opening, and with each item; undefined for an item that it can't do. */
  readonly opening: object;
  order(item: WorkItem): object | undefined;
}

/** Items sent and not answered, so that the helper need not wait for the next while the coordinator is busy. */
const queueLength = 4;
/**
 * An item sent can still be taken back by the thread that runs out of work first: item `index` is free while slot
 * `index` modulo this of the shared claims holds `index` + 1. Larger than the distance of any two items under way, which
 * the results that may wait for an earlier one bound.
 */
const claimSlots = 1024;
const claimed = 0;

export function claim(claims: Int32Array, index: number): boolean {
  const slot = index % claims.length;
  return Atomics.compareExchange(claims, slot, index + 1, claimed) === index + 1;
}

/** How long a helper may take to stop, milliseconds: its reads may hang on a dead disk. */
const stopTimeoutMs = 120;

export class Helper {
  readonly isPlain: boolean;
  readonly #port: Port;
  readonly #kind: HelperKind;
  readonly #onResult: (index: number, result: ItemResult) => void;
  readonly #sent = new Map<number, WorkItem>();
  /** Answered without a result. */
  readonly #returned: (readonly [number, WorkItem])[] = [];
  readonly #claims = shared(claimSlots);
  readonly #stopped = shared(1);
  #isGone = false;
  #wake: (() => void) | undefined;

  /** `onResult` is called at a turn of the event loop, in any order of items. */
  constructor(port: Port, kind: HelperKind, onResult: (index: number, result: ItemResult) => void) {
    this.isPlain = kind.isPlain;
    this.#port = port;
    this.#kind = kind;
    this.#onResult = onResult;
    port.listen(
      (message) => this.#take(message as FromHelper),
      () => this.#end(),
    );
    const opening: Opening = { kind: "open", claims: this.#claims, stopped: this.#stopped };
    port.post({ ...kind.opening, ...opening });
  }

  /** It would take another item now; also while it starts, as what it has not begun can be taken back. */
  get hungry(): boolean {
    return !this.#isGone && this.#sent.size < queueLength;
  }

  /** Items it has been sent and has not answered, or given back and nobody has taken. */
  get busy(): boolean {
    return this.#sent.size > 0 || this.#returned.length > 0;
  }

  /** False for an item that it can't do. */
  send(index: number, item: WorkItem): boolean {
    const order = this.#kind.order(item);
    if (order === undefined) return false;
    this.#sent.set(index, item);
    Atomics.store(this.#claims, index % claimSlots, index + 1);
    this.#port.post({ kind: "scan", index, ...order });
    return true;
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

  /** Items that it gave back, and those lost with one that is gone: to be scanned by someone else. */
  takeBack(): readonly (readonly [number, WorkItem])[] {
    const back = this.#returned.splice(0);
    if (!this.#isGone) return back;
    const lost = [...this.#sent];
    this.#sent.clear();
    return [...back, ...lost];
  }

  /** Resolves at the next message, at the helper's end, or after `timeoutMs`. */
  async wait(timeoutMs: number): Promise<void> {
    if (this.#isGone) return;
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
    while (this.steal() !== undefined);
    if (this.#isGone || this.#sent.size === 0) return;
    this.#tellToStop();
    const deadline = performance.now() + stopTimeoutMs;
    while (this.#sent.size > 0 && !this.#isGone && performance.now() < deadline) {
      await this.wait(Math.max(1, deadline - performance.now()));
    }
  }

  close(): void {
    if (this.#isGone) return;
    this.#tellToStop();
    this.#isGone = true;
    this.#port.close();
  }

  #tellToStop(): void {
    Atomics.store(this.#stopped, 0, 1);
    this.#port.post({ kind: "stop" });
  }

  #take(message: FromHelper): void {
    if (this.#isGone) return;
    if (message.kind === "fail") this.close();
    else this.#takeResult(message.index, message.result);
    this.#wake?.();
  }

  #takeResult(index: number, result: ItemResult | undefined): void {
    const item = this.#sent.get(index);
    if (item === undefined) return;
    this.#sent.delete(index);
    if (result === undefined) this.#returned.push([index, item]);
    else this.#onResult(index, result);
  }

  #end(): void {
    this.#isGone = true;
    this.#wake?.();
  }
}

function shared(length: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(length * Int32Array.BYTES_PER_ELEMENT));
}
