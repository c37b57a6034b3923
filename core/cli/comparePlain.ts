// Equal or not: ends at the first mismatched sector or unreadable range, with the messages and exit codes of
// `qemu-img compare` (cli reference, 2.3).
import { asBlockError } from "../base/errors.ts";
import { strerror } from "../base/strerror.ts";
import { chainExtentAt } from "../block/extents.ts";
import type { BlockNode } from "../block/node.ts";
import { type Graph, openGraph } from "../graph.ts";
import { type CompareItem, type CompareSummary, signatures, type Unreadable } from "../ops/mismatch.ts";
import { CliError, interruptedExit } from "./command.ts";
import { type CompareRequest, exits, runCompare } from "./comparedImage.ts";
import { tellEvent } from "./events.ts";
import type { ImageArgument } from "./imageArgument.ts";
import { openError } from "./openError.ts";
import { jsonText, printError, stdout } from "./output.ts";
import { inPlaceOfPeer } from "./persona.ts";
import { Progress } from "./progress.ts";

/** What was found first. Offsets are the guest's, bytes, sector granular. */
type Finding =
  | { readonly kind: "content" | "allocation"; readonly offset: number }
  | { readonly kind: "size" }
  | { readonly kind: "unreadable"; readonly range: Unreadable };

export async function comparePlain(request: CompareRequest): Promise<number> {
  const progress = new Progress(request.progress ? stdout : undefined);
  if (request.strict) {
    const sizes = await differentSizes(request);
    if (sizes !== undefined) {
      progress.show(0);
      return report(request, sizes, { kind: "size" }, progress);
    }
  }
  const { summary, finding, interrupted } = await scan(request, progress);
  if (interrupted) {
    progress.end();
    printError(`Interrupted: the first ${summary.scannedTo} bytes are equal, the rest was not compared`);
    return interruptedExit;
  }
  return report(request, summary, finding, progress);
}

type Sizes = Pick<CompareSummary, "sizeA" | "sizeB" | "scannedTo" | "identical" | "complete">;

/** In strict mode sizes come first, and nothing need be read when they differ. */
async function differentSizes({ a, b, forceShare }: CompareRequest): Promise<Sizes | undefined> {
  const sizeA = await withImage(a, forceShare, async (graph) => graph.root.size);
  const sizeB = await withImage(b, forceShare, async (graph) => graph.root.size);
  return sizeA === sizeB ? undefined : { sizeA, sizeB, scannedTo: 0, identical: false, complete: false };
}

async function withImage<T>(
  image: ImageArgument,
  forceShare: boolean,
  use: (graph: Graph) => Promise<T>,
): Promise<T> {
  let graph: Graph;
  try {
    graph = await openGraph(image.spec, { readOnly: true, backing: "open", forceShare, event: tellEvent });
  } catch (error) {
    throw openError(image.given, error, exits.cannotOpen);
  }
  try {
    return await use(graph);
  } finally {
    await graph.close();
  }
}

interface Scan {
  readonly summary: CompareSummary;
  readonly finding: Finding | undefined;
  readonly interrupted: boolean;
}

async function scan(request: CompareRequest, progress: Progress): Promise<Scan> {
  const stop = new AbortController();
  let unreadable: Unreadable | undefined;
  let firstIsStored: boolean | undefined;
  const take = (item: CompareItem) => {
    if (item.kind === "unreadable") unreadable ??= item.range;
    if (item.kind === "runs" && item.batch.count > 0) {
      firstIsStored ??= signatures[item.batch.signature[0] ?? 0] === "stored-differently";
    }
  };
  const handlers = {
    items: (items: readonly CompareItem[]) => items.forEach(take),
    progress: ({
      done,
      total,
      totals,
    }: {
      done: number;
      total: number;
      totals: { unreadableRanges: number };
    }) => {
      // The peer ends at its first error; what lies behind it does not matter to a yes or no.
      if (totals.unreadableRanges > 0) stop.abort();
      if (done < total || total === 0) progress.show(total === 0 ? 0 : done / total);
    },
  };
  const summary = await runCompare(request, { stopAtFirst: true, moved: false }, handlers, stop);
  const { first } = summary;
  if (unreadable !== undefined && (first === undefined || unreadable.offset < first)) {
    return { summary, finding: { kind: "unreadable", range: unreadable }, interrupted: false };
  }
  // Equal is what was compared to its end: having found nothing is not enough to say so.
  if (first === undefined) return { summary, finding: undefined, interrupted: !summary.identical };
  const stored = request.strict && (firstIsStored === true || (await storedDifferently(request, first)));
  return { summary, finding: { kind: stored ? "allocation" : "content", offset: first }, interrupted: false };
}

/** A sector that differs in content may be stored differently too, which strict mode says first. */
async function storedDifferently({ a, b, forceShare }: CompareRequest, offset: number): Promise<boolean> {
  const stateOf = (image: ImageArgument) =>
    withImage(image, forceShare, async ({ root }) => (await chainExtentAt(root, offset, 1)).stored);
  return (await stateOf(a)) !== (await stateOf(b));
}

async function report(
  request: CompareRequest,
  sizes: Sizes,
  finding: Finding | undefined,
  progress: Progress,
): Promise<number> {
  const say = (text: string) => {
    if (!request.quiet && !request.json) stdout.line(text);
  };
  const shorter = Math.min(sizes.sizeA, sizes.sizeB);
  const reached = finding === undefined ? sizes.scannedTo : placeOf(finding);
  if (finding?.kind !== "size" && sizes.sizeA !== sizes.sizeB && reached >= shorter) {
    say("Warning: Image size mismatch!");
  }
  if (finding === undefined) {
    progress.show(1);
    say("Images are identical.");
  } else if (finding.kind === "size") say("Strict mode: Image size mismatch!");
  else if (finding.kind === "allocation") say(`Strict mode: Offset ${finding.offset} block status mismatch!`);
  else if (finding.kind === "content") say(`Content mismatch at offset ${finding.offset}!`);
  if (request.json && !request.quiet) stdout.line(jsonText(summaryObject(request, sizes, finding)));
  progress.end();
  if (finding?.kind === "unreadable") throw await readError(request, finding.range);
  return finding === undefined ? exits.identical : exits.different;
}

function placeOf(finding: Finding): number {
  if (finding.kind === "size") return 0;
  return finding.kind === "unreadable" ? finding.range.offset : finding.offset;
}

function summaryObject(request: CompareRequest, sizes: Sizes, finding: Finding | undefined): object {
  const mismatch = finding !== undefined && finding.kind !== "unreadable" ? finding : undefined;
  return {
    identical: finding === undefined,
    complete: finding === undefined,
    strict: request.strict,
    "file-a": request.a.filename,
    "file-b": request.b.filename,
    "size-a": sizes.sizeA,
    "size-b": sizes.sizeB,
    ...(mismatch !== undefined && { mismatch: mismatch.kind }),
    ...(mismatch !== undefined && mismatch.kind !== "size" && { "first-mismatch": mismatch.offset }),
    ...(finding?.kind === "unreadable" && { "unreadable-at": finding.range.offset }),
  };
}

/** The peer tells a failed query of the allocation (exit code 3) from a failed read (4). */
async function readError(request: CompareRequest, { offset, side, message }: Unreadable): Promise<CliError> {
  const image = side === "b" ? request.b : request.a;
  const again = (ask: (root: BlockNode) => Promise<unknown>) =>
    withImage(image, request.forceShare, ({ root }) => ask(root)).then(
      () => undefined,
      (error: unknown) => asBlockError(error),
    );
  if ((await again((root) => chainExtentAt(root, offset, 1))) === undefined) {
    // The peer's words are the system's: the read itself tells them.
    const error = inPlaceOfPeer ? await again((root) => root.read(offset, new Uint8Array(1))) : undefined;
    const why = error === undefined ? message : strerror(error);
    return new CliError(
      `Error while reading offset ${offset} of ${image.given}: ${why}`,
      exits.unreadable,
      "Compare with --all to go on past ranges that cannot be read.",
    );
  }
  return new CliError(
    `Sector allocation test failed for ${image.given}`,
    exits.allocationUnknown,
    `At offset ${offset}: ${message}. Compare with --all to go on past it.`,
  );
}
