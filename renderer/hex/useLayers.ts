// Which layers account for the guest byte at the caret.
import type { ImageId, Location } from "../../core/jobs/sessionContract.ts";
import { call } from "../api.ts";
import { useAnswer } from "./useAnswer.ts";

/** Layers of the byte at `offset`, which must lie in the guest disk; `undefined` asks nothing. */
export function useLayers(image: ImageId | undefined, offset: number | undefined) {
  const question = image === undefined || offset === undefined ? undefined : `${image}:${offset}`;
  return useAnswer<readonly Location[]>(question, () =>
    call("image:locate", { image: image ?? 0, offset: offset ?? 0 }),
  );
}
