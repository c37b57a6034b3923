// The work of `bundle`: says which names leave the house, writes, and says what was left out.
import { hex } from "../base/bytes.ts";
import { asBlockError } from "../base/errors.ts";
import { formatSize } from "../base/units.ts";
import type { NamedPart } from "../bundle/plan.ts";
import { bundleImage } from "../ops/bundle.ts";
import type { WrittenBundle } from "../ops/bundleRun.ts";
import { CliError } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { type ImageRequest, withImage } from "./openImage.ts";
import { jsonText, printable, printWarning, stderr, stdout } from "./output.ts";
import { Progress } from "./progress.ts";
import { tellOfUnfinished } from "./unfinishedFile.ts";

export interface BundleArguments {
  readonly file: string;
  readonly to: string;
  readonly image: ImageRequest;
  readonly redactNames: boolean;
  readonly json: boolean;
}

export function runBundle(args: BundleArguments): Promise<void> {
  return withImage(args.file, { ...args.image, toInspect: true }, async ({ graph }) => {
    const shows = process.stderr.isTTY === true;
    const progress = new Progress(shows ? stderr : undefined);
    let names: readonly NamedPart[] = [];
    tellOfUnfinished(args.to);
    try {
      const written = await interruptible(({ signal }) =>
        bundleImage(
          graph,
          { to: args.to, redactNames: args.redactNames, replace: false },
          {
            signal,
            progress: (done, total, isWriting) => {
              const part = total === 0 ? 1 : done / total;
              progress.show((isWriting ? 1 + part : part) / 2);
            },
            names: (found) => {
              names = found;
              for (const one of found) tellName(one, args.redactNames);
            },
          },
        ),
      );
      if (shows) progress.end();
      report(args, names, written);
    } catch (thrown) {
      if (shows) progress.end();
      if (thrown instanceof CliError) throw thrown;
      const { message, context } = asBlockError(thrown);
      throw new CliError(`Could not make the bundle: ${message}`, 1, context.hint, { cause: thrown });
    }
  });
}

/** On stderr, before a byte is written. */
function tellName({ name, text }: NamedPart, isRedacted: boolean): void {
  if (isRedacted) return;
  printWarning(`The bundle will hold the ${name} '${printable(text)}'; --redact-names blanks it.`);
}

function report(
  { to, redactNames, json }: BundleArguments,
  names: readonly NamedPart[],
  written: WrittenBundle,
): void {
  const { length, tableBytes, omitted, omittedTables } = written;
  if (json) {
    const told = {
      filename: to,
      length,
      "table-bytes": tableBytes,
      names: names.map(({ name, text }) => ({ name, text })),
      "names-redacted": redactNames,
      "omitted-tables": omittedTables,
      omitted,
    };
    stdout.line(jsonText(told, 4));
    return;
  }
  stdout.line(
    `Wrote '${printable(to)}', ${formatSize(length)}: ${formatSize(tableBytes)} of tables, no guest data.`,
  );
  for (const { name, offset, length: bytes, why } of omitted) {
    stdout.line(`Left out: ${name}, ${formatSize(bytes)} at ${hex(offset)}: ${why}`);
  }
  const more = omittedTables - omitted.length;
  if (more > 0) stdout.line(`Left out: ${more} more`);
}
