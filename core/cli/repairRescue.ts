// `blkscope repair --rescue-leaks`: what lies in leaked clusters, into a file of its own.
import { formatSize } from "../base/units.ts";
import { childOf } from "../block/extents.ts";
import { canRepair, offerRepair } from "../repair/offer.ts";
import { type Rescued, rescueIndexOf, rescueLeaks } from "../repair/rescue.ts";
import { CliError } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { keepWritersOut, withImage } from "./openImage.ts";
import { jsonText, printable, printWarning, stdout } from "./output.ts";
import { withProgress } from "./repairJob.ts";
import { tellOfUnfinished } from "./unfinishedFile.ts";

export interface RescueArguments {
  readonly file: string;
  readonly to: string;
  readonly format: string | undefined;
  readonly imageOpts: boolean;
  readonly json: boolean;
}

const exits = { done: 0, unreadable: 2, noRepair: 63 } as const;

export function runRescue(args: RescueArguments): Promise<number> {
  const { format, imageOpts } = args;
  return withImage(args.file, { format, imageOpts, backing: false }, async (image) => {
    const { root } = image.graph;
    const file = childOf(root, "file");
    const { clusterSize } = root.info;
    if (!canRepair(root) || !file || clusterSize === undefined) {
      throw new CliError("This image format does not support repairs", exits.noRepair);
    }
    await keepWritersOut(image);
    return interruptible(async (interruption) => {
      const offer = await withProgress(interruption, (job) => offerRepair(root, job));
      const total = offer.leaked.bytes;
      const imagePath = file.info.path ?? args.file;
      const request = { file, imagePath, clusterSize, ranges: offer.leakedRanges(), total, to: args.to };
      for (const name of [args.to, rescueIndexOf(args.to)]) tellOfUnfinished(name);
      const rescued = await withProgress(interruption, (job) => rescueLeaks(request, job));
      if (
        offer.unmended.length > 0 ||
        offer.dropped > 0 ||
        offer.items.some((item) => item.risk !== "safe")
      ) {
        printWarning("The image is broken: what belongs to the guest may be among this.");
      }
      report(args, rescued);
      return rescued.unreadable > 0 ? exits.unreadable : exits.done;
    });
  });
}

function report({ to, json }: RescueArguments, { rescued, zero, unreadable }: Rescued): void {
  const index = rescueIndexOf(to);
  if (json) {
    const sizes = { "rescued-bytes": rescued, "zero-bytes": zero, "unreadable-bytes": unreadable };
    stdout.line(jsonText({ filename: to, index, ...sizes }, 4));
    return;
  }
  stdout.line(
    `${formatSize(rescued)} of leaked clusters are in '${printable(to)}', and where they were in '${printable(index)}'.`,
  );
  if (zero > 0) stdout.line(`${formatSize(zero)} more are zeroes and were left out.`);
  if (unreadable > 0)
    stdout.line(`${formatSize(unreadable)} more can't be read; the index has their places.`);
}
