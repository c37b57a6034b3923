// Calls about repairs: looking, questions about what was found, writing, and journals. Paths stay here: the page gives
// and gets tokens.
import type { JournalFacts, RepairFinished, RepairWritten } from "../../../core/ops/repairRun.ts";
import type { Context } from "../../context.ts";
import { displayText, type FileTokens } from "../../files.ts";
import type { FinishedRepair, JournalLook, WrittenRepair } from "../contract.ts";
import type { Handler } from "../handle.ts";

export const plan: Handler<"job:repairPlan"> = ({ image }, { session, jobs }) => {
  const { path, format, name } = session.fileOf(image);
  return {
    job: jobs.runAsked("repairPlan", `Repair plan of ${name}`, { filename: path, format }, ({ offered }) => ({
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

export const preflight: Handler<"repair:preflight"> = async ({ job, ids, journal }, { jobs, files }) => {
  const question = { ids, ...pathAs("journal", journal, files) };
  const checks = await jobs.ask(job, "repairPlan", "preflight", question);
  return checks.map(({ text, hint, ...check }) => ({
    ...check,
    text: displayText(text),
    ...(hint !== undefined && { hint: displayText(hint) }),
  }));
};

export const write: Handler<"job:repairWrite"> = (request, { session, jobs, files }) => {
  const { image, ids, digest, journal, copyTo } = request;
  const { path, format, name } = session.fileOf(image);
  const places = { ...pathAs("journal", journal, files), ...pathAs("copyTo", copyTo, files) };
  const params = { filename: path, format, ids, digest, ...places };
  return {
    job: jobs.run("repairWrite", `Repair of ${name}`, params, {
      shown: (written) => shownWritten(written, files),
      ended: copyTo === undefined ? session.writing(path) : () => undefined,
    }),
  };
};

export const rescue: Handler<"job:repairRescue"> = ({ image, to }, { session, jobs, files }) => {
  const { path, format, name } = session.fileOf(image);
  const params = { filename: path, format, to: files.pathOf(to) };
  return { job: jobs.run("repairRescue", `Leaked clusters of ${name}`, params) };
};

export const look: Handler<"repair:look"> = async ({ token, image }, { session, files }) => {
  const other = image === undefined ? undefined : files.pathOf(image);
  return shownFacts(await session.journal(files.pathOf(token), other), files);
};

export const finish: Handler<"job:repairFinish"> = (request, { session, jobs, files }) => {
  const { token, mode, dryRun, image } = request;
  const journal = files.pathOf(token);
  const title = `${mode === "undo" ? "Undo" : "Completion"} of ${files.refOf(journal).name}`;
  const params = { journal, mode, dryRun, ...pathAs("image", image, files) };
  return {
    job: jobs.run("repairFinish", title, params, {
      shown: (finished) => shownFinished(finished, files),
      ended: params.image === undefined ? () => undefined : session.writing(params.image),
    }),
  };
};

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
    image: facts.imageFound ? files.refOf(facts.imagePath) : undefined,
  };
}
