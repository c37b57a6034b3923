// An image that cannot be opened, in the words of qemu-img, with the hint the block core gave.
import { asBlockError } from "../base/errors.ts";
import { CliError } from "./command.ts";
import { wordsOf } from "./output.ts";

/** `given` is the image as it was named on the command line. */
export function openError(given: string, error: unknown, exitCode: number): CliError {
  if (error instanceof CliError) return error;
  const { message, hint } = wordsOf(asBlockError(error));
  return new CliError(`Could not open '${given}': ${message}`, exitCode, hint, {
    cause: error,
    ...(hint !== undefined && { peerHint: hint }),
  });
}
