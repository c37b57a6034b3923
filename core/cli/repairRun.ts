// Plans and carries out a repair, finishes one that was cut off, takes one back.
import * as fs from "node:fs";
import * as path from "node:path";
import { hex } from "../base/bytes.ts";
import { childOf } from "../block/extents.ts";
import type { OfferedRepair, RepairOffer, RepairScript } from "../block/finding.ts";
import type { BlockNode } from "../block/node.ts";
import { openGraph } from "../graph.ts";
import { systemError } from "../protocol/systemError.ts";
import { newJournal, openJournal } from "../repair/journalFile.ts";
import { journalPathOf } from "../repair/journalPath.ts";
import { canRepair, defaultItems, offerRepair } from "../repair/offer.ts";
import { applyJournal, examine, undoJournal } from "../repair/run.ts";
import { CliError } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { warnOfRepair, withImage } from "./openImage.ts";
import { jsonText, printable, stdout } from "./output.ts";

export interface RepairRequest {
  readonly file: string;
  readonly apply: boolean;
  readonly format: string | undefined;
  readonly imageOpts: boolean;
  /** Undefined: all that is chosen by default. */
  readonly only: readonly string[] | undefined;
  readonly journal: string | undefined;
  readonly copy: string | undefined;
  readonly json: boolean;
}

const exits = { done: 0, left: 2, noRepair: 63 } as const;

export async function runRepair(request: RepairRequest): Promise<number> {
  if (!request.apply || request.copy === undefined)
    return repairImage(request, request.file, request.imageOpts);
  const { copy, ...own } = request;
  const image = { format: request.format, imageOpts: request.imageOpts, backing: false };
  await withImage(request.file, image, async ({ graph }) => copyFile(fileOf(graph.root).info.path, copy));
  return repairImage({ ...own, copy }, copy, false);
}

function repairImage(request: RepairRequest, given: string, imageOpts: boolean): Promise<number> {
  const { format, apply } = request;
  const image = { format, imageOpts, backing: false, writable: apply, dirty: "skip" as const };
  return withImage(given, image, async ({ graph: { root } }) => {
    if (!canRepair(root)) throw new CliError("This image format does not support repairs", exits.noRepair);
    if (!apply) await warnOfRepair(root);
    return interruptible(async ({ signal }) => {
      const offer = await offerRepair(root, { signal });
      const ids = request.only ?? defaultItems(offer);
      const script = offer.script(ids);
      if (!apply) {
        showPlan(request, offer, script);
        return offer.items.length > 0 || offer.unmended.length > 0 ? exits.left : exits.done;
      }
      if (ids.length > 0) await carryOut(root, script, request, signal);
      const left = ids.length > 0 ? await offerRepair(root, { signal }) : offer;
      showOutcome(request, script, left);
      return left.items.length > 0 || left.unmended.length > 0 ? exits.left : exits.done;
    });
  });
}

async function carryOut(
  root: BlockNode,
  script: RepairScript,
  request: RepairRequest,
  signal: AbortSignal,
): Promise<void> {
  const file = fileOf(root);
  const imagePath = pathOf(root);
  const name = request.journal ?? journalPathOf(imagePath);
  const opened = await newJournal(name, file, script, imagePath, { signal });
  try {
    await applyJournal(file, opened.file, opened.journal, { signal });
    await root.reload?.();
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    const hint = `Finish it with blkscope repair --resume '${name}', or take it back with --undo '${name}'.`;
    throw new CliError(`The repair was not finished: ${why}`, 1, hint, { cause: thrown });
  } finally {
    await opened.close();
  }
}

function fileOf(root: BlockNode): BlockNode {
  const file = childOf(root, "file");
  if (!file) throw new CliError("This image format does not support repairs", exits.noRepair);
  return file;
}

/** Of the file below all layers. */
function pathOf(root: BlockNode): string {
  for (let node: BlockNode | undefined = root; node !== undefined; node = childOf(node, "file")) {
    if (node.info.path !== undefined) return node.info.path;
  }
  throw new CliError(
    "The image is in no file, so there is no place for an undo journal",
    1,
    "Name one with --journal.",
  );
}

function copyFile(from: string | undefined, to: string): void {
  if (from === undefined) throw new CliError("Only an image in a file can be copied", 1);
  try {
    fs.copyFileSync(from, to, fs.constants.COPYFILE_EXCL | fs.constants.COPYFILE_FICLONE);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") fs.rmSync(to, { force: true });
    throw systemError(`Could not copy the image to '${to}'`, thrown, { path: to });
  }
}

function showPlan({ json, file }: RepairRequest, offer: RepairOffer, script: RepairScript): void {
  const chosen = new Set(script.items);
  const all = offer.script(offer.items.map(({ id }) => id));
  const writes = new Map(
    [all, script].flatMap(({ writes: list, last }) =>
      (last ? [...list, last] : list).map((w) => [w.item, w] as const),
    ),
  );
  if (json) {
    const items = offer.items.map((item) => {
      const write = writes.get(item.id);
      const bytes = write && { "old-bytes": hexBytes(write.oldBytes), "new-bytes": hexBytes(write.newBytes) };
      return { ...item, isDefault: undefined, chosen: chosen.has(item.id), ...bytes };
    });
    const { unmended, dropped, leaks, fileSize } = offer;
    const sizes = { "file-size": fileSize, "new-file-size": script.newSize };
    stdout.line(jsonText({ filename: file, ...sizes, items, unmended, dropped, leaks }, 4));
    return;
  }
  if (offer.items.length === 0) stdout.line("There is nothing to mend.");
  for (const item of offer.items) showItem(item, chosen.has(item.id), writes.get(item.id));
  for (const text of offer.unmended) stdout.line(`Not mended: ${printable(text)}`);
  if (offer.dropped > 0) stdout.line(`${offer.dropped} further items are left to a second repair.`);
  if (script.items.length > 0)
    stdout.line(`The file will have ${script.newSize} bytes; it has ${offer.fileSize}.`);
}

function showItem(item: OfferedRepair, isChosen: boolean, write: RepairScript["last"]): void {
  stdout.line(`[${isChosen ? "x" : " "}] ${item.id}  (${item.risk.replaceAll("-", " ")})`);
  stdout.line(`    ${printable(item.problem)}`);
  stdout.line(`    ${item.effect}`);
  if (write) {
    stdout.line(
      `    ${hex(write.offset)}: ${hexBytes(write.oldBytes, 16)} -> ${hexBytes(write.newBytes, 16)}`,
    );
  }
  if (item.needs.length > 0)
    stdout.line(`    needs ${item.needs.slice(0, 4).join(", ")}${item.needs.length > 4 ? ", ..." : ""}`);
}

function hexBytes(bytes: Uint8Array, most = bytes.length): string {
  const text = Buffer.from(bytes.subarray(0, most)).toString("hex");
  return bytes.length > most ? `${text}...` : text;
}

function showOutcome({ json }: RepairRequest, { items }: RepairScript, left: RepairOffer): void {
  const rest = left.items.map(({ id }) => id);
  if (json) {
    stdout.line(jsonText({ mended: items, left: rest, unmended: left.unmended, dropped: left.dropped }, 4));
    return;
  }
  stdout.line(
    `${items.length} ${items.length === 1 ? "item was" : "items were"} mended; ${rest.length} can be mended still.`,
  );
  for (const text of left.unmended) stdout.line(`Not mended: ${printable(text)}`);
}

export interface FinishRequest {
  readonly mode: "undo" | "resume";
  readonly journal: string;
  /** Undefined: the file that the journal names, or the one beside it. */
  readonly image: string | undefined;
  readonly dryRun: boolean;
}

export async function finishRepair({ mode, journal: name, image, dryRun }: FinishRequest): Promise<number> {
  const opened = await openJournal(name, dryRun);
  try {
    const named = opened.journal.imagePath;
    const beside = path.join(path.dirname(name), path.basename(named));
    const filename = image ?? (fs.existsSync(beside) ? beside : named);
    const graph = await openGraph({ driver: "file", filename }, { readOnly: dryRun });
    try {
      if (dryRun) await examine(graph.root, opened.journal);
      else {
        await interruptible(({ signal }) =>
          (mode === "undo" ? undoJournal : applyJournal)(graph.root, opened.file, opened.journal, { signal }),
        );
      }
    } finally {
      await graph.close();
    }
    const done = mode === "undo" ? "taken back" : "finished";
    stdout.line(`The repair of '${printable(filename)}' ${dryRun ? "can be" : "is"} ${done}.`);
    return exits.done;
  } finally {
    await opened.close();
  }
}
