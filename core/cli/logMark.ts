// `blkscope log mark`: adds a mark at the end of a log. Only where the end is sure: a mark in the wrong place is entries
// lost.
import { BlockError } from "../base/errors.ts";
import type { BlockNode } from "../block/node.ts";
import { nextHeader } from "../writelog/entry.ts";
import { indexLog } from "../writelog/index.ts";
import type { LogIndex } from "../writelog/logIndex.ts";
import { entriesText } from "../writelog/walk.ts";
import { LogWriter } from "../writelog/writer.ts";
import { CliError } from "./command.ts";
import { noLog } from "./logFile.ts";
import { withImage } from "./openImage.ts";
import { jsonText, stdout } from "./output.ts";

export interface MarkRequest {
  readonly log: string;
  readonly imageOpts: boolean;
  /** Says which entry it has become. */
  readonly json: boolean;
  readonly text: string;
  /** Entries that the superblock does not count are nothing to be kept. */
  readonly overTail: boolean;
}

/** Of superblocks, which a mark writes anyway. */
const superInterval = 4096;

/** Throws CliError: it could not be opened for writing, is in use, is no log or not whole, or the text does not fit. */
export function addMark(request: MarkRequest): Promise<void> {
  const { log, imageOpts, json, text } = request;
  return withImage(log, { imageOpts, unprobed: true, writable: true }, async ({ graph }) => {
    const index = await indexLog(graph.root);
    refuse(request, index, graph.root);
    const { sectorSize, counted } = index;
    const at = counted === 0 ? sectorSize : nextHeader(index, counted - 1);
    const end = { sectorSize, entries: counted, position: at / sectorSize };
    await new LogWriter(graph.root, { end, superInterval }).mark(text);
    if (json) stdout.line(jsonText({ entry: counted, text }));
  });
}

function refuse({ log, overTail }: MarkRequest, index: LogIndex, node: BlockNode): void {
  const { end, count, counted } = index;
  if (end.kind === "foreign") throw noLog(log, index);
  if (end.kind !== "complete") {
    throw new CliError(`No mark was written: the log is not whole. ${end.message}`, 2);
  }
  if (count > counted && !overTail) {
    const hint =
      "If they are of an older log in the same place, write over them with --over-tail; if they are this log's, it has no sure end.";
    const what = `${entriesText(count - counted)} that the superblock does not count`;
    throw new CliError(`No mark was written: it would lie over ${what}`, 2, hint);
  }
  if (node.readOnly) throw new BlockError("EROFS", "The log is open read-only");
}
