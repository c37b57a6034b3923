// The rows the mismatch list shows: all of them by offset without any work, or sorted and filtered by a worker.
// The latest question wins; while rows keep coming the order is made anew at most twice a second.
import { useEffect, useRef, useState } from "react";
import type { ClusterSizes, Term } from "./filter.ts";
import { isNatural, type Order, type SortReply, type SortRequest } from "./runSort.ts";
import type { RunTable } from "./runTable.ts";

export interface RowOrder {
  /** Table rows in the order shown; undefined: every row by offset. */
  readonly rows: Uint32Array | undefined;
  /** The rows shown belong to an earlier question. */
  readonly busy: boolean;
}

/** What a person asked for, as opposed to rows that were found meanwhile. */
export interface Question {
  readonly order: Order;
  readonly terms: readonly Term[];
  readonly clusters: ClusterSizes;
}

const pauseMs = 500;
const natural: RowOrder = { rows: undefined, busy: false };

/** `version` must change with the table; `question` must be memoised. */
export function useRowOrder(table: RunTable, version: number, question: Question): RowOrder {
  const [result, setResult] = useState<RowOrder>(natural);
  const sorter = useRef<Sorter>(undefined);
  useEffect(() => {
    const own = new Sorter((rows, busy) => setResult({ rows, busy }));
    sorter.current = own;
    return () => own.stop();
  }, []);
  const idle = isNatural(question.order, question.terms);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `version` stands for the table's content.
  useEffect(() => {
    if (idle) {
      sorter.current?.forget();
      setResult(natural);
      return;
    }
    setResult((before) => ({ ...before, busy: true }));
    sorter.current?.ask(table, question);
  }, [idle, table, version, question]);
  return idle ? natural : result;
}

/** One worker, made when first needed; one question at a time. */
class Sorter {
  readonly #onRows: (rows: Uint32Array, busy: boolean) => void;
  #worker: Worker | undefined;
  #id = 0;
  #asked: Question | undefined;
  #running = false;
  #next: { table: RunTable; question: Question } | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(onRows: (rows: Uint32Array, busy: boolean) => void) {
    this.#onRows = onRows;
  }

  ask(table: RunTable, question: Question): void {
    this.#next = { table, question };
    if (this.#running) return;
    // New rows can wait, a person cannot.
    if (question !== this.#asked) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), pauseMs);
  }

  /** What was asked no longer matters. */
  forget(): void {
    this.#id += 1;
    this.#asked = undefined;
    this.#next = undefined;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#worker?.terminate();
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const next = this.#next;
    if (!next) return;
    this.#next = undefined;
    this.#running = true;
    this.#asked = next.question;
    this.#id += 1;
    const request: SortRequest = { id: this.#id, columns: next.table.snapshot(), ...next.question };
    const { count: _count, ...columns } = request.columns;
    const transfer = Object.values(columns).map(({ buffer }) => buffer as ArrayBuffer);
    this.#ready().postMessage(request, { transfer });
  }

  #ready(): Worker {
    if (!this.#worker) {
      this.#worker = new Worker(new URL("./runSort.worker.ts", import.meta.url), { type: "module" });
      this.#worker.onmessage = ({ data }: MessageEvent<SortReply>) => this.#answer(data);
    }
    return this.#worker;
  }

  #answer({ id, rows }: SortReply): void {
    this.#running = false;
    if (id === this.#id) this.#onRows(rows, this.#next !== undefined);
    if (this.#next) this.ask(this.#next.table, this.#next.question);
  }
}
