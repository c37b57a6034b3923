// Journals as files: made under another name and given their own when they are complete and durable, so that a journal
// that can be found is one that can be used.
import * as fs from "node:fs";
import { asBlockError, BlockError } from "../base/errors.ts";
import type { RepairScript } from "../block/finding.ts";
import type { BlockNode } from "../block/node.ts";
import type { RepairJob } from "../block/repair.ts";
import { type Graph, openGraph } from "../graph.ts";
import { identityOf, isOpenHere } from "../protocol/openFiles.ts";
import { systemError } from "../protocol/systemError.ts";
import {
  type Journal,
  type JournalFile,
  type JournalState,
  type Progress,
  readJournal,
  readProgress,
} from "./journal.ts";
import { journalArguments, journalPathOf } from "./journalPath.ts";
import { giveName, partialName } from "./newName.ts";
import { createJournal } from "./run.ts";

export interface OpenJournal<T = Journal> {
  readonly file: BlockNode;
  readonly journal: T;
  close(): Promise<void>;
}

/**
 * A new journal, complete and durable with the name of its file; the image is unchanged. Throws EINVAL (there is one
 * already, the image has changed), ENOSPC, EACCES, EIO; nothing is left behind then.
 */
export async function newJournal(
  name: string,
  image: BlockNode,
  script: RepairScript,
  imagePath: string,
  job: RepairJob,
): Promise<OpenJournal> {
  if (fs.existsSync(name)) throw (await takenName(name)).error;
  expectSameFile(imagePath, script);
  const partial = partialName(name);
  let graph: Graph | undefined;
  try {
    // It holds parts of the image: nobody may read it who may not read that.
    fs.writeFileSync(partial, "", { flag: "wx", mode: (fs.statSync(imagePath).mode % 0o1000) | 0o600 });
    graph = await openFile(partial, false);
    await createJournal(image, script, graph.root, imagePath, job);
    giveName(partial, name);
    return opened(graph, await readJournal(graph.root));
  } catch (thrown) {
    await graph?.close().catch(() => undefined);
    fs.rmSync(partial, { force: true });
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === "EEXIST") throw (await takenName(name)).error;
    throw thrown instanceof BlockError
      ? notWritten(thrown)
      : systemError(`Could not write '${name}'`, thrown, { path: name });
  }
}

/** What is open may not be what has the name any more, and a length is known from when it was opened. */
function expectSameFile(imagePath: string, { oldSize }: RepairScript): void {
  const stat = fs.statSync(imagePath, { bigint: true, throwIfNoEntry: false });
  const hint = "Nothing was changed. Check the image again.";
  if (!stat || !isOpenHere(identityOf(stat))) {
    const message = `'${imagePath}' is another file now than the one that was opened`;
    throw new BlockError("EINVAL", message, { path: imagePath, hint });
  }
  if (!stat.isFile() || Number(stat.size) === oldSize) return;
  const message = `The image has changed since the repair was planned: it has ${stat.size} bytes, not ${oldSize}`;
  throw new BlockError("EINVAL", message, { path: imagePath, hint });
}

/** Throws what reading it throws; EINVAL when it was never finished. */
export function openJournal(name: string, readOnly: boolean): Promise<OpenJournal> {
  return openWith(name, readOnly, readJournal);
}

/** As `openJournal`, read-only, without the records of a repair that came to its end. */
export function openProgress(name: string): Promise<OpenJournal<Progress>> {
  return openWith(name, true, readProgress);
}

/** How far the repair of a journal came. Throws what `openProgress` throws. */
export async function journalState(name: string): Promise<JournalState> {
  const { journal, close } = await openProgress(name);
  await close();
  return journal.state;
}

async function openWith<T>(
  name: string,
  readOnly: boolean,
  read: (file: JournalFile) => Promise<T | undefined>,
): Promise<OpenJournal<T>> {
  const graph = await openFile(name, readOnly);
  try {
    return opened(graph, await read(graph.root));
  } catch (thrown) {
    await graph.close();
    const { code, message, context } = asBlockError(thrown);
    // The image was named.
    const beside = journalPathOf(name);
    const hint = fs.existsSync(beside) ? { hint: `The journal beside it is '${beside}'.` } : {};
    throw new BlockError(
      code,
      `'${name}' can't be used: ${message}`,
      { path: name, ...context, ...hint },
      { cause: thrown },
    );
  }
}

function opened<T>(graph: Graph, journal: T | undefined): OpenJournal<T> {
  if (journal === undefined) {
    throw new BlockError(
      "EINVAL",
      "The undo journal was never finished, so nothing was changed by its repair",
      {
        hint: "It is of no use and can be deleted.",
      },
    );
  }
  return { file: graph.root, journal, close: () => graph.close() };
}

/**
 * What to tell of the journal that lies beside an image: a repair that was cut off, or not begun. Undefined when there
 * is none, or one whose repair came to its end.
 */
export async function unfinishedRepair(imagePath: string): Promise<string | undefined> {
  const name = journalPathOf(imagePath);
  if (!fs.existsSync(name)) return undefined;
  const resume = `blkscope repair --resume ${journalArguments(name, imagePath)}`;
  try {
    switch (await journalState(name)) {
      case "planned":
        return `A repair of '${imagePath}' was not begun: do it with ${resume}, or delete its journal`;
      case "applying":
      case "applied":
        return `A repair of '${imagePath}' was not finished: finish it with ${resume}, or take it back with --undo`;
      default:
        return undefined;
    }
  } catch (thrown) {
    return asBlockError(thrown).message;
  }
}

function openFile(filename: string, readOnly: boolean): Promise<Graph> {
  return openGraph({ driver: "file", filename }, { readOnly });
}

const takenHints: Readonly<Record<JournalState, string>> = {
  planned:
    "Its repair was not begun and has changed nothing: do it (--resume), or move the journal away or delete it.",
  applying: "Its repair was cut off: finish it (--resume), or take it back (--undo).",
  applied: "Its repair was cut off: finish it (--resume), or take it back (--undo).",
  verified:
    "It takes the last repair back (--undo). Keep it under another name, or choose another place for the new one (--journal).",
  undone:
    "Its repair was taken back, so it can be deleted; or choose another place for the new one (--journal).",
};

/** What has the name that a new journal would get. */
export interface TakenName {
  readonly error: BlockError;
  /** How far the repair of that journal came; undefined where that can't be read. */
  readonly state: JournalState | undefined;
}

/** The name of a new journal has a file already: what that is, and what to do about it. */
export async function takenName(name: string): Promise<TakenName> {
  const { state, hint } = await journalState(name).then(
    (state) => ({ state, hint: takenHints[state] }),
    (thrown) => ({
      state: undefined,
      hint: `${asBlockError(thrown).message}. Move it away, or name another (--journal).`,
    }),
  );
  const message = `There is an undo journal already: '${name}'`;
  return { state, error: new BlockError("EINVAL", message, { path: name, hint }) };
}

function notWritten(error: BlockError): BlockError {
  const hint = error.context.hint ?? "Name a place with more room for the journal (--journal).";
  return new BlockError(
    error.code,
    `${error.message}. The image was not changed`,
    { ...error.context, hint },
    { cause: error },
  );
}
