// Which layers account for the guest byte at the caret: asked once the caret rests, the latest question wins.
import { useCallback, useEffect, useState } from "react";
import { type PlainError, toPlain } from "../../core/base/errors.ts";
import type { ImageId, Location } from "../../core/jobs/sessionContract.ts";
import { call } from "../api.ts";

const restMs = 60;

export type Layers =
  | { readonly kind: "loading" }
  | { readonly kind: "known"; readonly layers: readonly Location[] }
  | { readonly kind: "failed"; readonly error: PlainError };

interface Answer {
  readonly image: ImageId;
  readonly offset: number;
  readonly is: Layers;
}

/** Layers of the byte at `offset`, which must lie in the guest disk; `undefined` asks nothing, and is "loading". */
export function useLayers(
  image: ImageId | undefined,
  offset: number | undefined,
): { readonly is: Layers; readonly before: readonly Location[]; retry(): void } {
  const [answer, setAnswer] = useState<Answer>();
  const [attempt, setAttempt] = useState(0);
  const [before, setBefore] = useState<readonly Location[]>([]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt asks the same question again.
  useEffect(() => {
    if (image === undefined || offset === undefined) return;
    let stale = false;
    const timer = setTimeout(async () => {
      const is = await call("image:locate", { image, offset }).then(
        (layers): Layers => ({ kind: "known", layers }),
        (error: unknown): Layers => ({ kind: "failed", error: toPlain(error) }),
      );
      if (stale) return;
      setAnswer({ image, offset, is });
      if (is.kind === "known") setBefore(is.layers);
    }, restMs);
    return () => {
      stale = true;
      clearTimeout(timer);
    };
  }, [image, offset, attempt]);
  const retry = useCallback(() => {
    setAnswer(undefined);
    setAttempt((count) => count + 1);
  }, []);
  const fits = answer && answer.image === image && answer.offset === offset;
  return { is: fits ? answer.is : { kind: "loading" }, before, retry };
}
