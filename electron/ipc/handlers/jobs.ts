// Calls about long work. A comparison opens both images again, in its own thread.
import type { Handler } from "../handle.ts";

export const compare: Handler<"job:compare"> = (
  { a, b, strict, from, shift, rowsBefore },
  { session, jobs },
) => {
  const [sourceA, sourceB] = [session.sourceOf(a), session.sourceOf(b)];
  const title = `${sourceA.name} ⇄ ${sourceB.name}`;
  const job = jobs.compare(title, { a: sourceA.spec, b: sourceB.spec, strict, from, shift, rowsBefore });
  return { job };
};

export const votes: Handler<"job:votes"> = ({ image, node, from, runsBefore }, { session, jobs }) => {
  const { spec, name } = session.sourceOf(image);
  return { job: jobs.votes(`Votes of ${name}`, { spec, node, from, runsBefore }) };
};

export const cancel: Handler<"job:cancel"> = ({ job }, { jobs }) => {
  jobs.cancel(job);
  return undefined;
};
