// Runs a check or a repair and gives its exit code. After a repair that changed something the image is checked once
// more: the report is that of the second pass, with what the first one mended.
import { asBlockError, fromPlain } from "../base/errors.ts";
import { strerror } from "../base/strerror.ts";
import { childOf } from "../block/extents.ts";
import type { CheckResult, Finding, RepairExtent } from "../block/finding.ts";
import type { BlockNode } from "../block/node.ts";
import { checkAndRepair, gather, type RepairJob } from "../block/repair.ts";
import { type CheckReport, printCheckHuman, printCheckJson } from "./checkReport.ts";
import { CliError } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { type ImageRequest, type OpenedImage, withImage } from "./openImage.ts";
import { stderr, stdout } from "./output.ts";
import { printPeerLines } from "./peerLines.ts";
import { inPlaceOfPeer } from "./persona.ts";
import { Progress } from "./progress.ts";

export interface CheckRequest {
  readonly file: string;
  readonly image: ImageRequest;
  readonly json: boolean;
  readonly quiet: boolean;
  /** What is mended of what is found; undefined: nothing. */
  readonly repair: RepairExtent | undefined;
  /** Every finding is listed. */
  readonly listed: boolean;
}

export const checkExits = { consistent: 0, failed: 1, corrupt: 2, leaks: 3, noCheck: 63 } as const;

export function runCheck(request: CheckRequest): Promise<number> {
  return withImage(request.file, request.image, async (image) => {
    const { root } = image.graph;
    if (!root.check) throw new CliError("This image format does not support checks", checkExits.noCheck);
    const report = await interruptible(({ signal }) => examine(image, request, signal));
    if (!request.quiet) (request.json ? printCheckJson : printCheckHuman)(report, request.listed);
    const isBroken = report.result.corruptions > 0 || report.dirty;
    if (isBroken && report.hasRepairs && !request.quiet && !request.json && !inPlaceOfPeer) {
      stdout.line("What can be mended, and how it is taken back: blkscope repair --plan");
    }
    return exitOf(report);
  });
}

async function examine(image: OpenedImage, request: CheckRequest, signal: AbortSignal): Promise<CheckReport> {
  const { root } = image.graph;
  const shows = !inPlaceOfPeer && !request.quiet && process.stderr.isTTY === true;
  const progress = new Progress(shows ? stderr : undefined);
  const job: RepairJob = { signal, progress: (done, total) => progress.show(total === 0 ? 1 : done / total) };
  const file = childOf(root, "file");
  try {
    const { result, findings, fixed, leaksFixed, isSecond } =
      request.repair !== undefined && file !== undefined
        ? await repairOnce(image, file, job, request.repair)
        : { ...(await onlyCheck(root, job, request.listed)), ...nothingFixed };
    if (inPlaceOfPeer && result.readError) throw fromPlain(result.readError);
    return {
      filename: request.file,
      format: root.driver,
      dirty: root.info.dirty === true,
      result,
      findings,
      fixed,
      leaksFixed,
      isSecond,
      hasRepairs: root.planRepair !== undefined,
    };
  } catch (error) {
    throw error instanceof CliError || signal.aborted ? error : checkFailed(error);
  } finally {
    if (shows) progress.end();
  }
}

/** Findings cost memory: they are made only for those who want to see them. The peer tells each as it finds it. */
async function onlyCheck(node: BlockNode, job: RepairJob, listed: boolean): ReturnType<typeof gather> {
  if (listed || !node.check) return gather(node, job);
  const result = await node.check({
    ...(job.signal && { signal: job.signal }),
    progress: (done, total) => job.progress?.(done, total),
    ...(inPlaceOfPeer && { finding: printFinding }),
  });
  return { result, findings: [] };
}

function printFinding({ peer }: Finding): void {
  if (peer) printPeerLines(peer);
}

interface Examined {
  readonly result: CheckResult;
  readonly findings: readonly Finding[];
  readonly fixed: number;
  readonly leaksFixed: number;
  /** The result is that of a check after the repair. */
  readonly isSecond: boolean;
}

const nothingFixed = { fixed: 0, leaksFixed: 0, isSecond: false };

async function repairOnce(
  { graph }: OpenedImage,
  file: Parameters<typeof checkAndRepair>[1],
  job: RepairJob,
  extent: RepairExtent,
): Promise<Examined> {
  const outcome = await checkAndRepair(
    graph.root,
    file,
    inPlaceOfPeer ? { ...job, peer: printPeerLines } : job,
    extent,
  );
  const isSecond = outcome.fixed + outcome.leaksFixed > 0;
  if (isSecond && inPlaceOfPeer) for (const finding of outcome.findings) printFinding(finding);
  return { ...outcome, isSecond };
}

/** The check itself gave up. The peer names only the system's error. */
function checkFailed(thrown: unknown): CliError {
  const error = asBlockError(thrown);
  const why = inPlaceOfPeer ? strerror(error) : error.message;
  return new CliError(`Check failed: ${why}`, checkExits.failed, error.context.hint, { cause: thrown });
}

function exitOf({ result }: CheckReport): number {
  if (result.checkErrors > 0) {
    throw result.readError
      ? checkFailed(fromPlain(result.readError))
      : new CliError("Check failed", checkExits.failed);
  }
  if (result.corruptions > 0) return checkExits.corrupt;
  return result.leaks > 0 ? checkExits.leaks : checkExits.consistent;
}
