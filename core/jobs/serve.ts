// The thread's end of a job: takes start and cancel, answers with progress, items and exactly one end or fail.
import { BlockError, toPlain } from "../base/errors.ts";
import type { FromWorker, Port, ToWorker } from "./contract.ts";
import { isJobName, type RunOptions, runJob, transferOf } from "./run.ts";

type AnyAnswers = Readonly<Record<string, (question: unknown) => Promise<unknown>>>;

/** Serves one job over the line. */
export function serveJob(port: Port, startHelper: (() => Port) | undefined): void {
  const cancel = new AbortController();
  let answers: AnyAnswers = {};
  const options: RunOptions = {
    signal: cancel.signal,
    // Questions come with the names that go with their types.
    answer: (given) => {
      answers = given as AnyAnswers;
    },
    ...(startHelper === undefined ? {} : { startHelper }),
  };
  let started = false;
  port.listen(
    (data) => {
      const message = data as ToWorker;
      switch (message.kind) {
        case "cancel":
          cancel.abort();
          break;
        case "ask":
          void answer(port, message, answers);
          break;
        case "start":
          if (!started) void run(port, message, options);
          started = true;
      }
    },
    () => cancel.abort(),
  );
}

async function answer(
  port: Port,
  { id, name, question }: Extract<ToWorker, { kind: "ask" }>,
  answers: AnyAnswers,
): Promise<void> {
  try {
    const ask = Object.hasOwn(answers, name) ? answers[name] : undefined;
    if (ask === undefined) throw new BlockError("EINVAL", `the job can't be asked for "${name}" now`);
    const value = await ask(question);
    const memory = ArrayBuffer.isView(value) ? [value.buffer as ArrayBuffer] : [];
    port.post({ kind: "answer", id, answer: { ok: true, value } } satisfies FromWorker, memory);
  } catch (error) {
    port.post({ kind: "answer", id, answer: { ok: false, error: toPlain(error) } } satisfies FromWorker);
  }
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
