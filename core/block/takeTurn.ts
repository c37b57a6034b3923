// A turn of a pass over an image's tables: where a cancel can arrive. Apart from structure.ts, which pages read as well.
import { BlockError } from "../base/errors.ts";
import type { StructureJob } from "./structure.ts";

/** Lets messages in, or rests as the job wants. Throws ECANCELED. */
export async function takeTurn({ signal, rest }: StructureJob): Promise<void> {
  await (rest === undefined ? new Promise<void>((resolve) => setImmediate(resolve)) : rest());
  if (signal.aborted) throw new BlockError("ECANCELED", "The map was cancelled");
}
