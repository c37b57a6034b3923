// The disk at a moment of the log as an image of its own: named by main, opened like any other.
import { toPlain } from "../../../core/base/errors.ts";
import type { FileRef } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";
import { openState } from "../../shell/openFlows.ts";
import { useApp } from "../../store/app.ts";
import type { TimelineSession } from "./session.ts";

/** After the first `count` entries. Throws what main answers with. */
export async function stateFile(session: TimelineSession, count: number): Promise<FileRef> {
  const { image } = session;
  if (image === undefined) throw new Error("the log is not open");
  const { base } = session;
  return call("log:state", { image: image.image, count, ...(base && { base: base.image }) });
}

/** After the entry at the scrub line; says what went wrong. */
export async function showState(session: TimelineSession, as: "hex" | "map"): Promise<void> {
  await orRefuse(async () => {
    const { entry } = session.store.getState();
    await openState(await stateFile(session, entry + 1), { kind: as });
  });
}

/** The state after the entry at the scrub line beside another image. */
export async function compareState(session: TimelineSession, other: () => Promise<FileRef>): Promise<void> {
  await orRefuse(async () => {
    const { entry } = session.store.getState();
    const [a, b] = await Promise.all([other(), stateFile(session, entry + 1)]);
    await openState(a, { kind: "compare", other: b });
  });
}

async function orRefuse(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const { message, context } = toPlain(error);
    useApp.getState().refuse(`The state can't be shown: ${message}. ${context.hint ?? ""}`.trim());
  }
}
