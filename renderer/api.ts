// The only door to the main process: unwraps Results into values or thrown BlockErrors.
import { fromPlain, type Result } from "../core/base/errors.ts";
import type {
  Bridge,
  ChannelName,
  EventName,
  Events,
  FileRef,
  Reply,
  Request,
} from "../electron/ipc/contract.ts";

declare global {
  interface Window {
    readonly blkscope: Bridge;
  }
}

/** Calls a channel; throws a BlockError when main answers with one. */
export async function call<N extends ChannelName>(
  name: N,
  ...[request]: undefined extends Request<N> ? [] : [Request<N>]
): Promise<Reply<N>> {
  return unwrap((await window.blkscope.call(name, request)) as Result<Reply<N>>);
}

/** Subscribes to an event of main; returns the way to stop. */
export function on<N extends EventName>(name: N, listener: (payload: Events[N]) => void): () => void {
  return window.blkscope.on(name, listener as (payload: never) => void);
}

/** The token of a file dropped on the window. */
export async function fileToken(file: File): Promise<FileRef> {
  return unwrap((await window.blkscope.fileToken(file)) as Result<FileRef>);
}

function unwrap<T>(result: Result<T>): T {
  if (!result.ok) throw fromPlain(result.error);
  return result.value;
}
