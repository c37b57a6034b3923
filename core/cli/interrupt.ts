// Ctrl-C and its like as an AbortSignal, for commands that tidy up before they end.
import { CliError } from "./command.ts";

/** Signals that ask a program to end, and their numbers: it exits with 128 + the number. */
const endings = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;
type Ending = keyof typeof endings;

/** A repeated signal ends the program at once, unless it is the same key still being held, milliseconds. */
const repeatedMs = 500;

export interface Interruption {
  readonly signal: AbortSignal;
  /** Undefined while nothing came. */
  readonly exitCode: number | undefined;
}

/** Runs `work` with signals caught. What it throws after a signal gets the signal's exit code. */
export async function interruptible<T>(work: (interruption: Interruption) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  let first: { readonly name: Ending; readonly at: number } | undefined;
  const caught = (name: Ending) => {
    if (first !== undefined && performance.now() - first.at > repeatedMs) process.exit(128 + endings[name]);
    first ??= { name, at: performance.now() };
    stop.abort();
  };
  const names = Object.keys(endings) as Ending[];
  for (const name of names) process.on(name, caught);
  const exitCode = () => (first === undefined ? undefined : 128 + endings[first.name]);
  try {
    return await work({
      signal: stop.signal,
      get exitCode() {
        return exitCode();
      },
    });
  } catch (error) {
    const code = exitCode();
    if (code === undefined || (error instanceof CliError && error.exitCode === code)) throw error;
    throw new CliError("Interrupted", code, undefined, { cause: error });
  } finally {
    for (const name of names) process.removeListener(name, caught);
  }
}
