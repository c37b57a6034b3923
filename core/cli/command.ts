// What a command of the command line is, and the errors that end one. Nothing here loads the block core.
import type { OptionSpecs, Parsed } from "./options.ts";

export interface Command {
  /** Everything `--help` prints, without the newline at the end. */
  readonly help: string;
  readonly options: OptionSpecs;
  /** Exit code when the command fails in a way that has no code of its own. */
  readonly failure: number;
  /** Does the work and gives the exit code. Throws CliError, or BlockError for what the images are to blame for. */
  run(args: Parsed): Promise<number>;
}

/** Keeps the literal type of a command's options, so that a misspelt option name does not compile. */
export function defineCommand<O extends OptionSpecs>(command: {
  help: string;
  options: O;
  failure: number;
  run(args: Parsed<O>): Promise<number>;
}): Command {
  return command as unknown as Command;
}

/** Ends a command with a message on stderr. */
export class CliError extends Error {
  readonly exitCode: number;
  /** What to do about it, printed on a line of its own. */
  readonly hint: string | undefined;

  constructor(message: string, exitCode: number, hint?: string, options?: { cause?: unknown }) {
    super(message, options);
    this.exitCode = exitCode;
    this.hint = hint;
  }
}

/** The command was called wrongly: the message is followed by where to find help. Always exit code 1. */
export class UsageError extends CliError {
  constructor(message: string) {
    super(message, 1);
  }
}

/** Exit code after an interrupt (SIGINT): 128 + its number, as a shell reports it. */
export const interruptedExit = 130;
