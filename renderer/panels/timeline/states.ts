// The disk at a moment of the log as an image of its own: named by main, opened like any other.
import { toPlain } from "../../../core/base/errors.ts";
import type { FileRef } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";
import { openState } from "../../shell/openFlows.ts";
import { useApp } from "../../store/app.ts";
import type { TimelineSession } from "./session.ts";

/** Without what a crash took; of another length than the log or its base say, bytes. */
interface StateOptions {
  readonly lost?: string;
  readonly size?: number;
}

/** After the first `count` entries. Throws what main answers with. */
export async function stateFile(
  session: TimelineSession,
  count: number,
  options: StateOptions = {},
): Promise<FileRef> {
  const below = await session.below();
  const { image } = session;
  if (image === undefined) throw new Error("the log is not open");
  const { discards } = session.store.getState();
  const sure = session.summary?.recovered[0]?.first ?? count;
  return call("log:state", {
    image: image.image,
    count,
    ...(count > sure && { recover: true }),
    ...(discards === "unknown" && { discards }),
    ...options,
    ...below,
  });
}

/** After the entry at the scrub line; says what went wrong. */
export async function showState(session: TimelineSession, as: "hex" | "map"): Promise<void> {
  const { entry } = session.store.getState();
  await showFile(() => stateFile(session, entry + 1), as);
}

export async function showFile(file: () => Promise<FileRef>, as: "hex" | "map" = "hex"): Promise<void> {
  await orRefuse(async () => openState(await file(), { kind: as }));
}

/** The disk after this entry, and another one. */
export async function compareState(
  session: TimelineSession,
  entry: number,
  other: () => Promise<FileRef>,
): Promise<void> {
  await compareFiles(other, () => stateFile(session, entry + 1));
}

export async function compareFiles(a: () => Promise<FileRef>, b: () => Promise<FileRef>): Promise<void> {
  await orRefuse(async () => {
    const [fileA, fileB] = await Promise.all([a(), b()]);
    await openState(fileA, { kind: "compare", other: fileB });
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
