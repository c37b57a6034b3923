// Calls about long work. Every job opens its images again, in its own thread.
import type { MapSummary } from "../../../core/ops/mapRun.ts";
import type { Handler } from "../handle.ts";
import { checkTarget } from "./exports.ts";

export const compare: Handler<"job:compare"> = (
  { a, b, strict, from, shift, rowsBefore },
  { session, jobs },
) => {
  const [sourceA, sourceB] = [session.sourceOf(a), session.sourceOf(b)];
  const title = `${sourceA.name} ⇄ ${sourceB.name}`;
  const params = { a: sourceA.spec, b: sourceB.spec, strict, from, shift, rowsBefore };
  return { job: jobs.run("compare", title, params) };
};

export const votes: Handler<"job:votes"> = ({ image, node, from, runsBefore }, { session, jobs }) => {
  const { spec, name } = session.sourceOf(image);
  return { job: jobs.run("votes", `Votes of ${name}`, { spec, node, from, runsBefore }) };
};

export const check: Handler<"job:check"> = ({ image, node }, { session, jobs }) => {
  const { spec, name } = session.sourceOf(image);
  return { job: jobs.run("check", `Check of ${name}`, { spec, node }) };
};

export const map: Handler<"job:map"> = ({ image, node }, { session, jobs }) => {
  const { spec, name } = session.sourceOf(image);
  const resultOf = ({ summary }: { readonly summary: MapSummary }) => ({ cancelled: false, summary });
  return { job: jobs.runAsked("map", `Map of ${name}`, { spec, node }, resultOf) };
};

export const bundle: Handler<"job:bundle"> = async (request, { session, jobs, files }) => {
  const { image, node, to, redactNames } = request;
  const { spec, name } = session.sourceOf(image);
  const target = files.pathOf(to);
  await checkTarget(target, files.refOf(target).name, session.openPaths());
  // The dialog that the name comes from has asked whether a file of that name may be lost.
  const params = { spec, node, to: target, redactNames, replace: true };
  return { job: jobs.run("bundle", `Bundle of ${name}`, params) };
};

export const mapTile: Handler<"map:tile"> = ({ job, ...tile }, { jobs }) =>
  jobs.ask(job, "map", "tile", tile);

export const mapPlace: Handler<"map:place"> = ({ job, ...place }, { jobs }) =>
  jobs.ask(job, "map", "place", place);

export const mapGuestPlace: Handler<"map:guestPlace"> = ({ job, ...place }, { jobs }) =>
  jobs.ask(job, "map", "guestPlace", place);

export const mapPause: Handler<"map:pause"> = async ({ job, paused }, { jobs }) => {
  await jobs.ask(job, "map", "pause", { paused });
  jobs.setResting(job, paused);
  return undefined;
};

export const mapNext: Handler<"map:next"> = ({ job, ...next }, { jobs }) =>
  jobs.ask(job, "map", "next", next);

export const cancel: Handler<"job:cancel"> = ({ job }, { jobs }) => {
  jobs.cancel(job);
  return undefined;
};
