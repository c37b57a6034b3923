// The session as the main process calls it: each call is a message with an id, answered by the session worker.
// A worker that dies rejects what is pending; main then starts another and opens its images again.
import { BlockError, fromPlain } from "../base/errors.ts";
import { startThread, threadDied } from "./client.ts";
import type { Port } from "./contract.ts";
import type { CallName, CallReply, CallRequest, SessionReply, SessionRequest } from "./session.ts";
import type { SessionNotice } from "./sessionContract.ts";

interface Pending {
  resolve(value: unknown): void;
  reject(error: BlockError): void;
}

export class SessionClient {
  readonly #port: Port;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #lost: BlockError | undefined;

  /** `onLost` is told once if the worker dies by itself; `port` stands for the worker in tests. */
  constructor(
    onLost: (error: BlockError) => void,
    port: Port = startThread("blkscope:session"),
    onNotice: (notice: SessionNotice) => void = () => undefined,
  ) {
    this.#port = port;
    port.listen(
      (data) => {
        const message = data as SessionReply | SessionNotice;
        if ("events" in message) onNotice(message);
        else this.#take(message);
      },
      (reason) => {
        if (this.#lost !== undefined) return;
        const error = threadDied("the session", reason);
        this.#end(error);
        onLost(error);
      },
    );
  }

  /** Rejects with the call's BlockError, or with EIO when the worker is gone. */
  call<N extends CallName>(call: N, request: CallRequest<N>): Promise<CallReply<N>> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#port.post({ id, call, request } satisfies SessionRequest<N>);
    });
  }

  /** Ends the worker; pending calls reject with ECANCELED. */
  close(): void {
    if (this.#lost === undefined) this.#end(new BlockError("ECANCELED", "the session was closed"));
    this.#port.close();
  }

  #take(reply: SessionReply): void {
    const pending = this.#pending.get(reply.id);
    if (pending === undefined) return;
    this.#pending.delete(reply.id);
    if (reply.ok) pending.resolve(reply.value);
    else pending.reject(fromPlain(reply.error));
  }

  #end(error: BlockError): void {
    this.#lost = error;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(error);
  }
}
