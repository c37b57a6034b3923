// Calls about repairs: looking, questions about what was found, writing, and journals. Paths stay here: the page gives
// and gets tokens.
import * as path from "node:path";
import { BlockError } from "../../../core/base/errors.ts";
import type {
  JournalFacts,
  PreflightCheck,
  RepairFinished,
  RepairWritten,
} from "../../../core/ops/repairRun.ts";
import type { Context } from "../../context.ts";
import { displayText, type FileTokens } from "../../files.ts";
import type { FinishedRepair, JournalLook, ShownCheck, WrittenRepair } from "../contract.ts";
import type { Handler } from "../handle.ts";

export const plan: Handler<"job:repairPlan"> = ({ image }, { session, jobs }) => {
  const { path: filename, format, name } = session.fileOf(image);
  return {
    job: jobs.runAsked("repairPlan", `Repair plan of ${name}`, { filename, format }, ({ offered }) => ({
      cancelled: false,
      offered,
    })),
  };
};

export const items: Handler<"repair:items"> = ({ job, ...page }, { jobs }) =>
  jobs.ask(job, "repairPlan", "items", page);

export const choose: Handler<"repair:choose"> = ({ job, ...choice }, { jobs }) =>
  jobs.ask(job, "repairPlan", "choose", choice);

export const toggle: Handler<"repair:toggle"> = ({ job, ...change }, { jobs }) =>
  jobs.ask(job, "repairPlan", "toggle", change);

export const changes: Handler<"repair:changes"> = ({ job, ...item }, { jobs }) =>
  jobs.ask(job, "repairPlan", "changes", item);

export const map: Handler<"repair:map"> = ({ job, ...choice }, { jobs }) =>
  jobs.ask(job, "repairPlan", "map", choice);

export const preflight: Handler<"repair:preflight"> = async (request, { session, jobs, files }) => {
  const { job, ids, journal } = request;
  const { filename } = jobs.paramsOf(job, "repairPlan");
  const writtenHere = session.isWriting(filename);
  const question = { ids, writtenHere, ...pathAs("journal", journal, files) };
  const checks = await jobs.ask(job, "repairPlan", "preflight", question);
  return checks.map((check) => shownCheck(check, files));
};

function shownCheck({ text, hint, earlier, ...check }: PreflightCheck, files: FileTokens): ShownCheck {
  return {
    ...check,
    text: displayText(text),
    ...(hint !== undefined && { hint: displayText(hint) }),
    ...(earlier && {
      earlier: {
        file: files.refOf(earlier.journal),
        state: earlier.state,
        aside: displayText(path.basename(earlier.aside)),
      },
    }),
  };
}

/** Throws EBUSY: locks tell other programs apart from this one, but not one repair of it from another. */
function expectNotWriting(file: string, session: Context["session"]): void {
  if (!session.isWriting(file)) return;
  throw new BlockError("EBUSY", `Blkscope is writing to '${displayText(path.basename(file))}'`, {
    hint: "Wait until the repair that is running has come to its end, or cancel it.",
  });
}

export const write: Handler<"job:repairWrite"> = (request, { session, jobs, files }) => {
  const { image, ids, digest, journal, copyTo } = request;
  const { path: filename, format, name } = session.fileOf(image);
  expectNotWriting(filename, session);
  const places = { ...pathAs("journal", journal, files), ...pathAs("copyTo", copyTo, files) };
  const params = { filename, format, ids, digest, ...places };
  return {
    job: jobs.run("repairWrite", `Repair of ${name}`, params, {
      shown: (written) => shownWritten(written, files),
      ended: copyTo === undefined ? session.writing(filename) : () => undefined,
    }),
  };
};

export const rescue: Handler<"job:repairRescue"> = ({ image, to }, { session, jobs, files }) => {
  const { path: filename, format, name } = session.fileOf(image);
  const params = { filename, format, to: files.pathOf(to) };
  return { job: jobs.run("repairRescue", `Leaked clusters of ${name}`, params) };
};

export const look: Handler<"repair:look"> = async ({ token, image }, { session, files }) => {
  const other = image === undefined ? undefined : files.pathOf(image);
  return shownFacts(await session.journal(files.pathOf(token), other), files);
};

export const finish: Handler<"job:repairFinish"> = (request, { session, jobs, files }) => {
  const { token, mode, dryRun, image } = request;
  const journal = files.pathOf(token);
  const filename = files.pathOf(image);
  if (!dryRun) expectNotWriting(filename, session);
  const title = `${mode === "undo" ? "Undo" : "Completion"} of ${files.refOf(journal).name}`;
  const params = { journal, mode, dryRun, image: filename };
  return {
    job: jobs.run("repairFinish", title, params, {
      shown: (finished) => shownFinished(finished, files),
      ended: dryRun ? () => undefined : session.writing(filename),
    }),
  };
};

export const setAside: Handler<"repair:setAside"> = async ({ token, image }, { session, files }) => {
  const other = image === undefined ? undefined : files.pathOf(image);
  return files.refOf(await session.journalAside(files.pathOf(token), other));
};

export const remove: Handler<"repair:delete"> = ({ token, image }, { session, files }) =>
  session.journalDelete(files.pathOf(token), image === undefined ? undefined : files.pathOf(image));

export const unfinished: Handler<"repair:unfinished"> = async ({ image }, { session, files }) => {
  const found = await session.journalBeside(image);
  if (found === undefined) return undefined;
  const file = files.refOf(found.journal);
  return found.facts === undefined
    ? { file, facts: undefined, error: found.error }
    : { file, facts: shownFacts(found.facts, files), error: undefined };
};

/** The path of a file that the page named by its token; nothing where it named none. */
function pathAs<K extends string>(
  key: K,
  token: string | undefined,
  files: Context["files"],
): { readonly [P in K]?: string } {
  return (token === undefined ? {} : { [key]: files.pathOf(token) }) as { readonly [P in K]?: string };
}

function shownWritten(written: RepairWritten, files: FileTokens): WrittenRepair {
  const { target, journal } = written;
  return {
    ...written,
    target: displayText(target),
    journal: journal && displayText(journal),
    targetFile: files.refOf(target),
    journalFile: journal === undefined ? undefined : files.refOf(journal),
  };
}

function shownFinished(finished: RepairFinished, files: FileTokens): FinishedRepair {
  return { ...finished, facts: shownFacts(finished.facts, files) };
}

function shownFacts(facts: JournalFacts, files: FileTokens): JournalLook {
  return {
    ...facts,
    journal: displayText(facts.journal),
    imagePath: displayText(facts.imagePath),
    image: facts.imageState === "missing" ? undefined : files.refOf(facts.imagePath),
  };
}
