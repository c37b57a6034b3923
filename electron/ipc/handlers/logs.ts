// Calls about logs of writes: which files are logs, the job that holds one's index and answers, and states of its disk.
import { open, stat } from "node:fs/promises";
import { startsWith } from "../../../core/base/bytes.ts";
import type { NodeOptions } from "../../../core/block/driver.ts";
import type { LogSummary } from "../../../core/ops/logIndexRun.ts";
import { parseSpec } from "../../../core/spec.ts";
import { logMagic } from "../../../core/writelog/layout.ts";
import { formatLost, nothingLost, parseLost } from "../../../core/writelog/lost.ts";
import type { Context } from "../../context.ts";
import type { Handler, Parsed } from "../handle.ts";

/** A file that can't be read is no log here: opening it says why. */
export const detect: Handler<"log:detect"> = (tokens, { files, graphs }) =>
  Promise.all(
    tokens.map((token) => {
      if (graphs.get(token) !== undefined) return false;
      return isLog(files.pathOf(token)).catch(() => false);
    }),
  );

async function isLog(path: string): Promise<boolean> {
  const found = await stat(path);
  // Opening a pipe would wait for its other end.
  if (!found.isFile() && !found.isBlockDevice()) return false;
  const file = await open(path, "r");
  try {
    const head = new Uint8Array(logMagic.length);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return startsWith(head.subarray(0, bytesRead), logMagic);
  } finally {
    await file.close();
  }
}

export const index: Handler<"job:logIndex"> = ({ image, growing, recover }, { session, jobs }) => {
  const { spec, name } = session.sourceOf(image);
  const resultOf = ({ summary }: { readonly summary: LogSummary }) => ({ cancelled: false, summary });
  return { job: jobs.runAsked("logIndex", `Log ${name}`, { spec, growing, recover }, resultOf) };
};

export const rows: Handler<"log:rows"> = ({ job, ...page }, { jobs }) =>
  jobs.ask(job, "logIndex", "rows", page);

export const place: Handler<"log:place"> = ({ job, ...place }, { jobs }) =>
  jobs.ask(job, "logIndex", "place", place);

export const next: Handler<"log:next"> = ({ job, ...next }, { jobs }) =>
  jobs.ask(job, "logIndex", "next", next);

export const marks: Handler<"log:marks"> = ({ job, ...page }, { jobs }) =>
  jobs.ask(job, "logIndex", "marks", page);

export const detail: Handler<"log:detail"> = ({ job, ...place }, { jobs }) =>
  jobs.ask(job, "logIndex", "detail", place);

export const history: Handler<"log:history"> = ({ job, before, ...range }, { jobs }) =>
  jobs.ask(job, "logIndex", "history", { ...range, ...(before !== undefined && { before }) });

export const versions: Handler<"log:versions"> = ({ job, ...place }, { jobs }) =>
  jobs.ask(job, "logIndex", "versions", place);

export const bins: Handler<"log:bins"> = ({ job, ...request }, { jobs }) =>
  jobs.ask(job, "logIndex", "bins", request);

export const used: Handler<"log:used"> = ({ job }, { jobs }) => jobs.ask(job, "logIndex", "used", undefined);

export const extend: Handler<"log:extend"> = ({ job, growing }, { jobs }) =>
  jobs.ask(job, "logIndex", "extend", { growing });

export const recover: Handler<"log:recover"> = ({ job }, { jobs }) =>
  jobs.ask(job, "logIndex", "recover", {});

export const stopRecovery: Handler<"log:stopRecovery"> = ({ job }, { jobs }) =>
  jobs.ask(job, "logIndex", "stopRecovery", undefined);

export const base: Handler<"log:base"> = async ({ job, ...below }, { session, jobs }) => {
  const spec = baseSpec(below, session);
  await jobs.ask(job, "logIndex", "base", { spec });
  return undefined;
};

export const format: Handler<"log:format"> = ({ job }, { jobs }) =>
  jobs.ask(job, "logIndex", "format", undefined);

/** The disk before a log, as the page names it. Throws EINVAL for an image that is not open, or for the file of a graph. */
export function baseSpec(
  { base: image, baseAsFile }: Pick<Parsed<"log:base">, "base" | "baseAsFile">,
  session: Context["session"],
): NodeOptions | undefined {
  if (image === undefined) return undefined;
  return baseAsFile === true
    ? { driver: "file", filename: session.fileOf(image).path }
    : parseSpec(session.sourceOf(image).spec);
}

/** Nothing is read for it: the image opens when the page opens it. */
export const state: Handler<"log:state"> = (
  { image, count, recover, discards, base: below, baseAsFile, lost, size },
  { session, files, graphs },
) => {
  const { path, name } = session.fileOf(image);
  const after = count === 0 ? `disk before ${name}` : `disk after entry ${count - 1} of ${name}`;
  const taken = lost === undefined ? nothingLost : parseLost(lost);
  const kept = taken.size === 0 ? after : `${after} without ${shortened(formatLost(taken))}`;
  const what = discards === undefined ? kept : `${kept} with discards unknown`;
  const log = { driver: "file", filename: path };
  const state = {
    driver: "logstate",
    log,
    entry: count,
    ...(recover === true && { recover }),
    ...(discards !== undefined && { discards }),
    ...(taken.size > 0 && { lost: formatLost(taken) }),
    ...(size !== undefined && { size }),
  };
  const file = files.refOf(path);
  if (below === undefined) return graphs.keep({ options: state, files: [file] }, what);
  const base = session.fileOf(below);
  const options = { ...state, base: baseSpec({ base: below, baseAsFile }, session) };
  return graphs.keep({ options, files: [file, files.refOf(base.path)] }, `${what} over ${base.name}`);
};

/** As part of a name. */
function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 38)}…` : text;
}
