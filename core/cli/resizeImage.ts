// The work of `resize`.
import { BlockError } from "../base/errors.ts";
import type { Preallocation } from "../block/node.ts";
import { sizeInSectors } from "../ops/map.ts";
import { CliError } from "./command.ts";
import { withImage } from "./openImage.ts";
import { sizeValue } from "./optionList.ts";
import { printError, printWarning, stdout } from "./output.ts";

export interface ResizeArguments {
  readonly file: string;
  /** With a sign it is a difference. */
  readonly size: string;
  readonly imageOpts: boolean;
  readonly format: string | undefined;
  readonly preallocation: string;
  readonly shrink: boolean;
  readonly quiet: boolean;
}

const modes: readonly string[] = ["off", "metadata", "falloc", "full"] satisfies Preallocation[];
const warning =
  "Shrinking an image will delete all data beyond the shrunken image's end. Before performing such an operation, make sure there is no important data there.";

export async function resizeCommand(args: ResizeArguments): Promise<number> {
  const sign = /^[+-]/.exec(args.size)?.[0];
  const given = sizeValue("size", sign === undefined ? args.size : args.size.slice(1), "");
  if (!isPreallocation(args.preallocation)) {
    throw new CliError(
      `Invalid preallocation mode '${args.preallocation}'`,
      1,
      `It is one of ${modes.join(", ")}.`,
    );
  }
  const preallocation = args.preallocation;
  const { imageOpts, format } = args;
  return withImage(args.file, { imageOpts, format, writable: true }, async ({ graph: { root } }) => {
    const before = sizeInSectors(root);
    const size = sign === undefined ? given : sign === "+" ? before + given : before - given;
    // From 2^63 on the peer's numbers are negative.
    if (size <= 0 || size >= 2 ** 63) throw new CliError("New image size must be positive", 1);
    if (size <= before && preallocation !== "off") {
      throw new CliError("Preallocation can only be used for growing images", 1);
    }
    if (size < before && !args.shrink) {
      printError({ message: "Use the --shrink option to perform a shrink operation." });
      printWarning(warning);
      return 1;
    }
    refuseUncountable(size);
    await root.resize(size, { preallocation });
    await root.flush();
    if (!args.quiet) stdout.line("Image resized.");
    return 0;
  });
}

function isPreallocation(name: string): name is Preallocation {
  return modes.includes(name);
}

function refuseUncountable(size: number): void {
  if (Number.isSafeInteger(size)) return;
  const peer = { message: "Invalid image size specified" };
  throw new BlockError("EFBIG", "An image can have at most 2^53 - 1 bytes", { peer });
}
