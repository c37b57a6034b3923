// The work of `amend`: which formats have options that can be changed, and changing them.
import type { CreateOption } from "../block/driver.ts";
import type { BlockNode } from "../block/node.ts";
import { driverNamed } from "../registry.ts";
import { CliError } from "./command.ts";
import { asksForHelp, type NamedValue, optionHelp, typedOptions } from "./optionList.ts";
import { stdout } from "./output.ts";
import type { Progress } from "./progress.ts";

export { withImage } from "./openImage.ts";

/** Lists what can be changed. Throws CliError: the format is unknown, or has no such options. */
export function printAmendOptions(format: string): number {
  const table = amendOptionsOf(format);
  stdout.line(`Amend options for '${format}':`);
  stdout.line(optionHelp(table));
  return 0;
}

export async function amendImage(
  image: BlockNode,
  given: readonly NamedValue[],
  progress: Progress,
): Promise<number> {
  try {
    const table = amendOptionsOf(image.driver);
    const amend = image.amend?.bind(image);
    if (amend === undefined) throw cannotAmend(image.driver);
    if (asksForHelp(given)) return printAmendOptions(image.driver);
    expectAmendable(image.driver, given, table);
    const options = Object.fromEntries(typedOptions(given, table, ""));
    progress.show(0);
    // As the peer: also where it failed.
    await amend({ options, progress: (part) => progress.show(part) }).finally(() => progress.complete());
    return 0;
  } finally {
    progress.end();
  }
}

function amendOptionsOf(format: string): readonly CreateOption[] {
  const driver = driverNamed(format);
  if (driver === undefined) throw new CliError(`Unknown file format '${format}'`, 1);
  if (driver.amendOptions === undefined) throw cannotAmend(format);
  return driver.amendOptions;
}

function cannotAmend(format: string): CliError {
  const hint = "Copy the image into a new one with other options: convert.";
  return new CliError(`Format driver '${format}' does not support option amendment`, 1, hint);
}

/** Throws for an option that only a new image can have. */
function expectAmendable(format: string, given: readonly NamedValue[], table: readonly CreateOption[]): void {
  const created = driverNamed(format)?.creation?.options ?? [];
  for (const { name } of given) {
    if (table.some((option) => option.name === name)) continue;
    if (!created.some((option) => option.name === name)) return;
    const peerHint = "This option is only supported for image creation";
    const hint = "Only new images can have another one: convert the image.";
    throw new CliError(`Invalid parameter '${name}'`, 1, hint, { peerHint });
  }
}
