// What the modes of `blkscope repair` share: progress for a person who watches, and words for what was cut off.
import type { RepairJob } from "../block/repair.ts";
import { CliError } from "./command.ts";
import type { Interruption } from "./interrupt.ts";
import { stderr } from "./output.ts";
import { Progress } from "./progress.ts";

/** One phase of work; its progress is shown where stderr is a terminal. */
export async function withProgress<T>(
  { signal }: Interruption,
  work: (job: RepairJob) => Promise<T>,
): Promise<T> {
  const progress = new Progress(process.stderr.isTTY === true ? stderr : undefined, 1);
  let isShown = false;
  try {
    return await work({
      signal,
      progress(done, total) {
        isShown = true;
        progress.show(total === 0 ? 1 : Math.min(1, done / total));
      },
    });
  } finally {
    if (isShown) progress.end();
  }
}

/** With the exit code of the signal, if one came. */
export function notFinished(thrown: unknown, interruption: Interruption, hint: string): CliError {
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  return new CliError(`The repair was not finished: ${why}`, interruption.exitCode ?? 1, hint, {
    cause: thrown,
  });
}
