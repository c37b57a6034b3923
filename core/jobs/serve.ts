// The thread's end of a job: takes start and cancel, answers with progress, items and exactly one end or fail.
import { BlockError, toPlain } from "../base/errors.ts";
import type { FromWorker, Port, ToWorker } from "./contract.ts";
import { isJobName, type RunOptions, runJob, transferOf } from "./run.ts";

/** Serves one job over the line. */
export function serveJob(port: Port, startHelper: (() => Port) | undefined): void {
  const cancel = new AbortController();
  const options: RunOptions = {
    signal: cancel.signal,
    ...(startHelper === undefined ? {} : { startHelper }),
  };
  let started = false;
  port.listen(
    (data) => {
      const message = data as ToWorker;
      if (message.kind === "cancel") {
        cancel.abort();
      } else if (!started) {
        started = true;
        void run(port, message, options);
      }
    },
    () => cancel.abort(),
  );
}

async function run(
  port: Port,
  { name, params }: Extract<ToWorker, { kind: "start" }>,
  options: RunOptions,
): Promise<void> {
  const post = (message: FromWorker, transfer?: readonly ArrayBuffer[]) => port.post(message, transfer);
  try {
    if (!isJobName(name)) throw new BlockError("EINVAL", `there is no job "${String(name)}"`);
    const handlers = {
      progress: (progress: Extract<FromWorker, { kind: "progress" }>["progress"]) =>
        post({ kind: "progress", progress }),
      items: (items: Parameters<typeof transferOf>[0]) => post({ kind: "items", items }, transferOf(items)),
    };
    // The params were made by startJob, whose types fit the name.
    const result = await runJob(name, params as Parameters<typeof runJob>[1], handlers, options);
    post({ kind: "end", result });
  } catch (error) {
    post({ kind: "fail", error: toPlain(error) });
  }
}
