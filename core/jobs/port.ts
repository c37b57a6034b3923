// The line between two threads, over what Node offers: a Worker seen from outside, a worker's parent, or one end
// of a MessageChannel (which stands in for a thread in tests).
import type { MessagePort, Worker } from "node:worker_threads";
import type { Port } from "./contract.ts";

/** A thread as its starter sees it. A thread that throws, runs out of memory or exits closes the line with a reason. */
export function portOfWorker(worker: Worker): Port {
  let end: { readonly reason: Error | undefined } | undefined;
  let told: ((reason: Error | undefined) => void) | undefined;
  const close = (reason: Error | undefined) => {
    if (end !== undefined) return;
    end = { reason };
    told?.(reason);
  };
  // At once: an error that nobody listens for would end the whole process.
  worker.on("messageerror", close);
  worker.on("error", (error) => close(error instanceof Error ? error : new Error(String(error))));
  worker.on("exit", (code) =>
    close(code === 0 ? undefined : new Error(`the thread exited with code ${code}`)),
  );
  return {
    post: (message, transfer = []) => {
      if (end === undefined) worker.postMessage(message, transfer);
    },
    listen: (onMessage, onClosed) => {
      worker.on("message", onMessage);
      told = onClosed;
      if (end !== undefined) onClosed?.(end.reason);
    },
    close: () => {
      end ??= { reason: undefined };
      void worker.terminate();
    },
  };
}

/** One end of a channel, or `parentPort` as the thread sees it. */
export function portOfChannel(port: MessagePort): Port {
  return {
    post: (message, transfer = []) => port.postMessage(message, transfer),
    listen: (onMessage, onClosed) => {
      port.on("message", onMessage);
      port.on("messageerror", (error) => onClosed?.(error));
      port.on("close", () => onClosed?.(undefined));
    },
    close: () => port.close(),
  };
}
