// break, remove_break, resume, wait_break: requests that stop at a step until they are told to go on, in drivers that
// have breakpoints (blkdebug).
import { asBlockError, BlockError } from "../../base/errors.ts";
import { strerror } from "../../base/strerror.ts";
import type { Breakpoints } from "../../block/node.ts";
import type { IoCommand } from "./command.ts";
import { CommandFailure } from "./failure.ts";
import { nearest } from "./nearest.ts";
import type { Session } from "./session.ts";

/** Of the node nearest the top that has them. Throws ENOTSUP. */
function breakpointsOf({ image }: Session): Breakpoints {
  const found = nearest(image.node, ({ breakpoints }) => breakpoints);
  if (found !== undefined) return found;
  throw new BlockError("ENOTSUP", "No driver of this image has breakpoints");
}

async function orFail(what: string, work: () => void | Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const failure = asBlockError(error);
    if (failure.code === "ECANCELED") throw failure;
    throw new CommandFailure("out", `${what}: ${strerror(failure)}`, { cause: error });
  }
}

/** Requests that were let go are done as far as they get before the next command. */
async function settle(): Promise<void> {
  await new Promise((turn) => setImmediate(turn));
}

export const breakCommand: IoCommand = {
  name: "break",
  args: "event tag",
  oneline: "sets a breakpoint on event and tags the stopped request as tag",
  min: 2,
  run: (session, [event = "", tag = ""]) =>
    orFail("Could not set breakpoint", () => breakpointsOf(session).add(event, tag)),
};

export const removeBreak: IoCommand = {
  name: "remove_break",
  args: "tag",
  oneline: "remove a breakpoint by tag",
  min: 1,
  run: (session, [tag = ""]) =>
    orFail(`Could not remove breakpoint ${tag}`, async () => {
      breakpointsOf(session).remove(tag);
      await settle();
    }),
};

export const resume: IoCommand = {
  name: "resume",
  args: "tag",
  oneline: "resumes the request tagged as tag",
  min: 1,
  run: (session, [tag = ""]) =>
    orFail("Could not resume request", async () => {
      breakpointsOf(session).resume(tag);
      await settle();
    }),
};

export const waitBreak: IoCommand = {
  name: "wait_break",
  args: "tag",
  oneline: "waits for the suspension of a request",
  min: 1,
  run: (session, [tag = ""]) =>
    orFail("Could not wait for the request", async () => {
      const breakpoints = breakpointsOf(session);
      // With nothing left in flight, nothing will ever be stopped.
      const nothing = session.drain().then(() => {
        if (!breakpoints.isSuspended(tag))
          throw new BlockError("ENOENT", `No request is stopped at '${tag}'`);
      });
      await session.unlessInterrupted(Promise.race([breakpoints.waitFor(tag), nothing]));
    }),
};
