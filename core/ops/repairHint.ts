// Hints of the repair's core as a view gives them: options of the command line, which stand in brackets, left out.
import { asBlockError, BlockError } from "../base/errors.ts";

/** "Name another place for the journal (--journal)." without the option. */
export function withoutFlags(hint: string): string {
  return hint.replaceAll(/ \(--[a-z-]+\)/g, "");
}

/** The same error with such a hint. */
export function forView(thrown: unknown): BlockError {
  const error = asBlockError(thrown);
  const { code, message, context } = error;
  const { hint } = context;
  if (hint === undefined || withoutFlags(hint) === hint) return error;
  return new BlockError(code, message, { ...context, hint: withoutFlags(hint) }, { cause: thrown });
}
