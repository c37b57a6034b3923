// What a command of the command line is, and the errors that end one. Nothing here loads the block core.
import type { OptionSpecs, Parsed } from "./options.ts";

export interface Command<O extends OptionSpecs = OptionSpecs> {
  /** What follows the command's name, one line for each form: "[OPTION...] FILE". */
  readonly usage: readonly string[];
  /** What it does, in a few sentences; blank lines part paragraphs. */
  readonly description: string;
  readonly options: O;
  /** Further parts of the help: operands, output, environment. Text is printed as it is, indented. */
  readonly sections?: readonly { readonly title: string; readonly text: string }[];
  readonly exits: readonly (readonly [code: number, meaning: string])[];
  /** Whole command lines, without the program's name. */
  readonly examples: readonly string[];
  /** It opens no image itself, so there are no events to print. */
  readonly opensNothing?: true;
  /** Exit code when the command fails in a way that has no code of its own. */
  readonly failure: number;
  /** Puts the arguments in order before options are looked for among them. */
  arrange?(args: readonly string[]): readonly string[];
  /** Of a command with actions: the help on the one that the operands name, instead of its own. */
  helpOn?(operands: readonly string[]): Partial<Command> | undefined;
  /** Does the work and gives the exit code. Throws CliError, or BlockError for what the images are to blame for. */
  run(args: Parsed<O>): Promise<number>;
}

/** Keeps the literal type of a command's options, so that a misspelt option name does not compile. */
export function defineCommand<O extends OptionSpecs>(command: Command<O>): Command {
  return command as unknown as Command;
}

/** Ends a command with a message on stderr. */
export class CliError extends Error {
  readonly exitCode: number;
  /** What to do about it, printed on a line of its own. Not shown where the program stands in for the peer. */
  readonly hint: string | undefined;
  /** Lines that the peer prints after the message. */
  readonly peerHint: string | undefined;

  constructor(
    message: string,
    exitCode: number,
    hint?: string,
    options?: { cause?: unknown; peerHint?: string },
  ) {
    super(message, options);
    this.exitCode = exitCode;
    this.hint = hint;
    this.peerHint = options?.peerHint;
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
