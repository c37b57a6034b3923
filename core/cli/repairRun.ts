// `blkscope repair --plan` and `--apply`: shows what can be mended, and mends what is chosen.
import * as fs from "node:fs";
import { hex } from "../base/bytes.ts";
import { BlockError } from "../base/errors.ts";
import { formatSize } from "../base/units.ts";
import { childOf } from "../block/extents.ts";
import type { OfferedRepair, RepairOffer, RepairScript } from "../block/finding.ts";
import type { BlockNode } from "../block/node.ts";
import { copyToNewFile } from "../repair/copy.ts";
import { usersOfFile } from "../repair/fileUsers.ts";
import { journalBytes } from "../repair/journal.ts";
import { newJournal } from "../repair/journalFile.ts";
import { journalArguments, journalPathOf } from "../repair/journalPath.ts";
import { keptTail } from "../repair/keptTail.ts";
import { canRepair, defaultItems, offerRepair } from "../repair/offer.ts";
import { type PreflightCheck, preflight, refusedForCopy } from "../repair/preflight.ts";
import { applyJournal } from "../repair/run.ts";
import { CliError } from "./command.ts";
import { type Interruption, interruptible } from "./interrupt.ts";
import { keepWritersOut, withImage } from "./openImage.ts";
import { jsonText, printable, printWarning, stdout } from "./output.ts";
import { notFinished, withProgress } from "./repairJob.ts";
import { tellOfUnfinished } from "./unfinishedFile.ts";

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
  try {
    return await repairOrCopy(request);
  } catch (thrown) {
    throw namingUsers(thrown);
  }
}

/** Where the image is in use, by whom: the system knows more than the lock. */
function namingUsers(thrown: unknown): unknown {
  const cause = thrown instanceof CliError ? thrown.cause : undefined;
  if (!(cause instanceof BlockError) || cause.code !== "EBUSY") return thrown;
  const { path } = cause.context;
  const users = path === undefined ? [] : usersOfFile(fs.realpathSync(path)).map(({ name }) => name);
  if (users.length === 0) return thrown;
  const hint = `It is open in ${users.join(", ")}. Close it there, then try again.`;
  return new CliError((thrown as CliError).message, 1, hint, { cause });
}

async function repairOrCopy(request: RepairRequest): Promise<number> {
  const begun: Begun = { hasJournal: false };
  if (!request.apply || request.copy === undefined)
    return repairImage(request, request.file, request.imageOpts, begun);
  const { copy } = request;
  await makeCopy(request, copy);
  try {
    return await repairImage(request, copy, false, begun);
  } catch (thrown) {
    // A copy in which nothing was mended is none that was asked for, and only in the way of the next try.
    if (!begun.hasJournal) fs.rmSync(copy, { force: true });
    throw thrown;
  }
}

/** What would stop the repair is looked for before: copying may take hours. */
async function makeCopy({ file, format, imageOpts, only, journal }: RepairRequest, copy: string) {
  await withImage(file, { format, imageOpts, backing: false, toInspect: true }, async (image) => {
    const { root } = image.graph;
    if (!canRepair(root)) throw new CliError("This image format does not support repairs", exits.noRepair);
    await keepWritersOut(image);
    await interruptible(async (interruption) => {
      if (only) (await withProgress(interruption, (job) => offerRepair(root, job))).script(only);
      const imagePath = pathOf(root);
      const refused = imagePath && (await refusedForCopy(imagePath, copy, journal));
      if (refused) throw new CliError(refused.text, 1, refused.hint);
      tellOfUnfinished(copy);
      await withProgress(interruption, (job) => copyToNewFile(fileOf(root), copy, job));
    });
  });
}

/** How far a repair came, for whoever tidies up behind it. */
interface Begun {
  /** The journal stands: the image may have been changed. */
  hasJournal: boolean;
}

function repairImage(
  request: RepairRequest,
  given: string,
  imageOpts: boolean,
  begun: Begun,
): Promise<number> {
  const { format, apply } = request;
  const how = { backing: false, writable: apply, dirty: "untouched", looksForRepair: true } as const;
  const image = { format, imageOpts, ...how };
  return withImage(given, image, async ({ graph: { root } }) => {
    if (!canRepair(root)) throw new CliError("This image format does not support repairs", exits.noRepair);
    return interruptible(async (interruption) => {
      const look = () => withProgress(interruption, (job) => offerRepair(root, job));
      const offer = await look();
      const ids = request.only ?? defaultItems(offer);
      const script = offer.script(ids);
      const checks = await checksBefore(root, script, request.journal);
      if (!apply) {
        showPlan(request, offer, script, checks);
        return offer.items.length > 0 || offer.unmended.length > 0 ? exits.left : exits.done;
      }
      const refused = checks.find(({ state }) => state === "refused");
      if (ids.length > 0 && refused) throw new CliError(refused.text, 1, refused.hint);
      if (ids.length > 0) await carryOut(root, script, request, interruption, begun);
      const left = ids.length > 0 ? await look() : offer;
      showOutcome(request, script, left);
      return left.items.length > 0 || left.unmended.length > 0 ? exits.left : exits.done;
    });
  });
}

async function carryOut(
  root: BlockNode,
  script: RepairScript,
  request: RepairRequest,
  interruption: Interruption,
  begun: Begun,
): Promise<void> {
  const file = fileOf(root);
  const imagePath = pathOf(root);
  if (imagePath === undefined) {
    const why = "The image is not right in a file, so it could not be found again to take its repair back";
    throw new CliError(why, 1, "Name its file itself, without a driver between them.");
  }
  const name = request.journal ?? journalPathOf(imagePath);
  tellOfUnfinished(name);
  const opened = await withProgress(interruption, (job) => newJournal(name, file, script, imagePath, job));
  begun.hasJournal = true;
  try {
    await withProgress(interruption, (job) => applyJournal(file, opened.file, opened.journal, job));
  } catch (thrown) {
    const given = journalArguments(name, imagePath);
    const hint = `Finish it with blkscope repair --resume ${given}, or take it back with --undo ${given}.`;
    throw notFinished(thrown, interruption, hint);
  } finally {
    await opened.close();
  }
  await root.reload?.();
}

function fileOf(root: BlockNode): BlockNode {
  const file = childOf(root, "file");
  if (!file) throw new CliError("This image format does not support repairs", exits.noRepair);
  return file;
}

/** Of the file below all layers; undefined for what lies in none. */
function pathOf(root: BlockNode): string | undefined {
  let node: BlockNode | undefined = root;
  while (node !== undefined && node.info.path === undefined) node = childOf(node, "file");
  return node?.info.path;
}

async function checksBefore(
  root: BlockNode,
  script: RepairScript,
  journal: string | undefined,
): Promise<readonly PreflightCheck[]> {
  const imagePath = pathOf(root);
  if (imagePath === undefined) return [];
  const tail = await keptTail(fileOf(root), script);
  const planned = { script, journalBytes: journalBytes(script, Buffer.byteLength(imagePath), tail) };
  return preflight({ imagePath, backing: root.info.backing, planned, journal });
}

function showPlan(
  { json, file }: RepairRequest,
  offer: RepairOffer,
  script: RepairScript,
  preflight: readonly PreflightCheck[],
): void {
  const chosen = new Set(script.items);
  const own = new Set(offer.items.map(({ id }) => id));
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
    const { unmended, dropped, leaked, leaks, fileSize } = offer;
    const sizes = { "file-size": fileSize, "new-file-size": script.newSize };
    stdout.line(
      jsonText({ filename: file, ...sizes, items, unmended, dropped, leaked, leaks, preflight }, 4),
    );
    return;
  }
  if (offer.items.length === 0) stdout.line("There is nothing to mend.");
  for (const item of offer.items) showItem(item, chosen.has(item.id), writes.get(item.id));
  for (const write of script.writes) {
    if (own.has(write.item)) continue;
    const { offset, oldBytes, newBytes } = write;
    stdout.line(`With them: ${write.item}, as any program does that writes to the image`);
    stdout.line(`    ${hex(offset)}: ${hexBytes(oldBytes)} -> ${hexBytes(newBytes)}`);
  }
  for (const text of offer.unmended) stdout.line(`Not mended: ${printable(text)}`);
  if (offer.dropped > 0) stdout.line(`${offer.dropped} further items are left to a second repair.`);
  if (script.items.length > 0)
    stdout.line(`The file will have ${script.newSize} bytes; it has ${offer.fileSize}.`);
  showLeaked(offer);
  for (const { state, text, hint } of preflight) {
    if (state === "ok" || offer.items.length === 0) continue;
    printWarning(`${text}${hint === undefined ? "" : ` ${hint}`}`);
  }
}

function showLeaked({ leaked }: RepairOffer): void {
  if (leaked.bytes === 0) return;
  const size = formatSize(leaked.bytes);
  stdout.line(`${size} are leaked: nothing uses them. --rescue-leaks writes what is in them to a file.`);
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

/** At most so many bytes; three dots stand for the others. */
export function hexBytes(bytes: Uint8Array, most = bytes.length): string {
  const text = Buffer.from(bytes.subarray(0, most)).toString("hex");
  return bytes.length > most ? `${text}...` : text;
}

function showOutcome({ json }: RepairRequest, { items }: RepairScript, left: RepairOffer): void {
  const rest = left.items.map(({ id }) => id);
  if (json) {
    const { unmended, dropped, leaked } = left;
    stdout.line(jsonText({ mended: items, left: rest, unmended, dropped, leaked }, 4));
    return;
  }
  stdout.line(
    `${items.length} ${items.length === 1 ? "item was" : "items were"} mended; ${rest.length} can be mended still.`,
  );
  for (const text of left.unmended) stdout.line(`Not mended: ${printable(text)}`);
  showLeaked(left);
}
