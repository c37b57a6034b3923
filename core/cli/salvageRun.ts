// `blkscope salvage`, after its options: opens the copies, creates, writes, and leaves a target that is complete or none.
import * as fs from "node:fs";
import { sizeInSectors } from "../ops/map.ts";
import { majorityOf, type SalvageSummary, salvage } from "../ops/salvage.ts";
import { CliError } from "./command.ts";
import { isRegular, withFate } from "./convertRun.ts";
import { type Interruption, interruptible } from "./interrupt.ts";
import { createUnfinished, newImageRequest } from "./newImage.ts";
import { keepWritersOut, type OpenedImage, openImage } from "./openImage.ts";
import { stderr } from "./output.ts";
import { Progress } from "./progress.ts";
import { SalvageReport } from "./salvageReport.ts";
import type { UnfinishedFile } from "./unfinishedFile.ts";

export interface SalvageArguments {
  readonly copies: readonly string[];
  readonly target: string;
  /** None, one for all, or one for each copy. */
  readonly formats: readonly string[];
  readonly targetFormat: string | undefined;
  /** Values of -o. */
  readonly options: readonly string[];
  readonly skipCreate: boolean;
  /** Default: more than half of the copies. */
  readonly threshold: number | undefined;
  /** Index of the copy that is taken where no majority exists; undefined: zeroes. */
  readonly fallback: number | undefined;
  /** File for the report. */
  readonly report: string | undefined;
  readonly json: boolean;
  readonly progress: boolean;
  readonly quiet: boolean;
  readonly imageOpts: boolean;
  readonly forceShare: boolean;
}

const exits = { agreed: 0, decided: 2, undecided: 3 } as const;

export async function salvageRun(args: SalvageArguments): Promise<number> {
  const asked = args.progress || process.stderr.isTTY === true;
  const progress = new Progress(asked && !args.quiet ? stderr : undefined, 1);
  const opened: OpenedImage[] = [];
  let report: SalvageReport | undefined;
  try {
    for (const [index, copy] of args.copies.entries()) {
      const { imageOpts, forceShare } = args;
      const format = args.formats[index] ?? args.formats[0];
      const image = await openImage(copy, { imageOpts, format, forceShare });
      opened.push(image);
      if (!forceShare) await keepWritersOut(image);
    }
    refuseSameFiles(args, opened);
    report = new SalvageReport(args, opened);
    const said = report;
    const summary = await interruptible((interruption) => fill(args, opened, said, progress, interruption));
    progress.complete();
    progress.end();
    report.summary(summary);
    return exitOf(summary);
  } finally {
    report?.close();
    for (const { graph } of opened) await graph.close();
  }
}

function exitOf({ runs, undecidedRuns, tiedRuns }: SalvageSummary): number {
  if (undecidedRuns + tiedRuns > 0) return exits.undecided;
  return runs > 0 ? exits.decided : exits.agreed;
}

/** One copy has one vote, and what is read must not be written: neither as the target nor as the report. */
function refuseSameFiles({ target, report }: SalvageArguments, opened: readonly OpenedImage[]): void {
  const owners = new Map<string, OpenedImage>();
  for (const image of opened) {
    const key = JSON.stringify(image.spec);
    const other = owners.get(key);
    if (other !== undefined) {
      throw new CliError(`'${image.given}' is given twice`, 1, "Each copy has one vote.");
    }
    owners.set(key, image);
    for (const { info } of image.graph.nodes) {
      if (info.path === undefined) continue;
      for (const written of [target, report]) {
        if (written === undefined || !isSameFile(written, info.path)) continue;
        throw new CliError(`'${written}' belongs to the copy '${image.given}': copies are only read`, 1);
      }
    }
  }
  if (report !== undefined && isSameFile(report, target)) {
    throw new CliError(`'${report}' can't be both the target and the report`, 1);
  }
}

function isSameFile(a: string, b: string): boolean {
  if (a === b) return true;
  try {
    const [one, other] = [fs.statSync(a), fs.statSync(b)];
    return one.dev === other.dev && one.ino === other.ino;
  } catch {
    return false;
  }
}

interface Target {
  readonly image: OpenedImage;
  readonly file: UnfinishedFile | undefined;
  /** What is not written reads as zeroes. */
  readonly isZero: boolean;
}

async function fill(
  args: SalvageArguments,
  opened: readonly OpenedImage[],
  report: SalvageReport,
  progress: Progress,
  interruption: Interruption,
): Promise<SalvageSummary> {
  const copies = opened.map(({ graph }) => graph.root);
  const size = Math.max(...copies.map(sizeInSectors));
  const target = await openTarget(args, size);
  let closed = false;
  try {
    const { root } = target.image.graph;
    if (root.size < size) throw new CliError(`The target has ${root.size} bytes, the copies ${size}`, 1);
    const summary = await salvage({
      copies,
      target: root,
      threshold: args.threshold ?? majorityOf(copies.length),
      fallback: args.fallback,
      targetIsZero: target.isZero,
      signal: interruption.signal,
      run: (run) => report.run(run),
      progress: (done, total) => progress.show(total === 0 ? 1 : done / total),
    });
    closed = true;
    await target.image.graph.close();
    target.file?.finish();
    return summary;
  } catch (thrown) {
    progress.end();
    if (!closed) await target.image.graph.close().catch(() => undefined);
    const fate = target.file?.discard() ?? "partly overwritten";
    throw withFate(target.file?.named(thrown) ?? thrown, args.target, fate, interruption);
  }
}

async function openTarget(args: SalvageArguments, size: number): Promise<Target> {
  const { target: name, targetFormat: format = "raw" } = args;
  if (args.skipCreate) {
    return { image: await openImage(name, { format, writable: true }), file: undefined, isZero: false };
  }
  const nothingBelow = { options: args.options, backing: undefined, backingFormat: undefined };
  const request = newImageRequest(name, format, nothingBelow, size);
  if (request.backing !== undefined) {
    throw new CliError("The target stands on no backing file: what the copies say is written whole", 1);
  }
  const doing = `salvaging to ${format}`;
  const { image, file } = await createUnfinished(name, format, request, { doing });
  return { image, file, isZero: isRegular(image) };
}
