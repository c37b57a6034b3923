// How a command of the session fails: the peer prints some reasons on stdout, others on stderr, and some of those
// behind the program's name. A failed command makes the program's exit code 1; the commands after it still run.

export type FailureStream = "out" | "err" | "report" | "none";

export class CommandFailure extends Error {
  /** out: a line on stdout; err: one on stderr; report: on stderr behind the program's name; none: no line at all. */
  readonly stream: FailureStream;
  /** What to do about it: lines after the message. */
  readonly hint: string | undefined;

  constructor(
    stream: FailureStream,
    message: string,
    options?: { cause?: unknown; hint?: string | undefined },
  ) {
    super(message, options);
    this.stream = stream;
    this.hint = options?.hint;
  }
}

/** Called wrongly: the command's own line of help follows, on stdout. */
export class CommandMisuse extends Error {
  /** A line on stderr before it; empty for none. */
  constructor(message = "") {
    super(message);
  }
}
