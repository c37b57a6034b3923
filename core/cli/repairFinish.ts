// `blkscope repair --undo` and `--resume`: does or takes back what an undo journal says, or shows what that would be.
import { hex } from "../base/bytes.ts";
import { BlockError } from "../base/errors.ts";
import type { BlockNode } from "../block/node.ts";
import { openGraph } from "../graph.ts";
import type { Journal } from "../repair/journal.ts";
import { type OpenJournal, openJournal } from "../repair/journalFile.ts";
import { agreedImage } from "../repair/journalPath.ts";
import { applyJournal, examine, undoJournal } from "../repair/run.ts";
import { type Interruption, interruptible } from "./interrupt.ts";
import { jsonText, printable, stdout } from "./output.ts";
import { notFinished, withProgress } from "./repairJob.ts";
import { hexBytes } from "./repairRun.ts";

export interface FinishRequest {
  readonly mode: "undo" | "resume";
  readonly journal: string;
  /** Undefined: the file of the image's name beside the journal; one elsewhere has to be named. */
  readonly image: string | undefined;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** Bytes of a change that are shown. */
const shownBytes = 16;

export async function finishRepair(request: FinishRequest): Promise<number> {
  const { journal: name, dryRun } = request;
  const opened = await openJournal(name, dryRun);
  try {
    const { journal } = opened;
    const image = request.image ?? agreedImage(name, journal.imagePath);
    const graph = await openGraph({ driver: "file", filename: image }, { readOnly: dryRun });
    try {
      if (dryRun) await examine(graph.root, journal);
      else await interruptible((interruption) => carryOut(request, graph.root, opened, interruption));
    } finally {
      await graph.close();
    }
    if (request.json) showJson(request, image, journal);
    else show(request, image, journal);
    return 0;
  } finally {
    await opened.close();
  }
}

async function carryOut(
  { mode, journal: name }: FinishRequest,
  image: BlockNode,
  { file, journal }: OpenJournal,
  interruption: Interruption,
): Promise<void> {
  const finish = mode === "undo" ? undoJournal : applyJournal;
  try {
    await withProgress(interruption, (job) => finish(image, file, journal, job));
  } catch (thrown) {
    // A refusal says itself that nothing was changed, and what to do.
    if (thrown instanceof BlockError && thrown.code === "EINVAL") throw thrown;
    const hint = `Nothing is lost: the same command, or --undo or --resume with '${name}', goes on from here.`;
    throw notFinished(thrown, interruption, hint);
  }
}

/** What the file becomes, from what it would be otherwise. */
function changesOf({ mode }: FinishRequest, { writes, last, oldSize, newSize }: Journal) {
  const places = last ? [...writes, last] : writes;
  const isUndo = mode === "undo";
  return {
    size: isUndo ? oldSize : newSize,
    places: places.map(({ offset, oldBytes, newBytes }) =>
      isUndo ? { offset, from: newBytes, to: oldBytes } : { offset, from: oldBytes, to: newBytes },
    ),
  };
}

function show(request: FinishRequest, image: string, journal: Journal): void {
  const { mode, dryRun } = request;
  const done = mode === "undo" ? "taken back" : "finished";
  stdout.line(`The repair of '${printable(image)}' ${dryRun ? "can be" : "is"} ${done}.`);
  if (!dryRun) return;
  const { size, places } = changesOf(request, journal);
  for (const { offset, from, to } of places) {
    stdout.line(`    ${hex(offset)}: ${hexBytes(from, shownBytes)} -> ${hexBytes(to, shownBytes)}`);
  }
  stdout.line(`The file will have ${size} bytes.`);
}

function showJson(request: FinishRequest, image: string, journal: Journal): void {
  const { mode, dryRun } = request;
  const { size, places } = changesOf(request, journal);
  const report = {
    filename: image,
    journal: request.journal,
    action: mode,
    "dry-run": dryRun,
    // As it was found.
    state: journal.state,
    "new-file-size": size,
    writes: places.map(({ offset, to }) => ({ offset, bytes: hexBytes(to) })),
  };
  stdout.line(jsonText(report, 4));
}
