// The work of `amend`: which formats have options that can be changed.
import { driverNamed } from "../registry.ts";
import { CliError } from "./command.ts";

export { withImage } from "./openImage.ts";

/** Throws CliError: the format is unknown, or has no such options. */
export function refuseAmendment(format: string): never {
  if (driverNamed(format) === undefined) throw new CliError(`Unknown file format '${format}'`, 1);
  const hint = "Copy the image into a new one with other options: convert.";
  throw new CliError(`Format driver '${format}' does not support option amendment`, 1, hint);
}
