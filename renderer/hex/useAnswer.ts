// An answer about the byte at the caret: asked once the caret rests, the latest question wins.
import { useCallback, useEffect, useState } from "react";
import { type PlainError, toPlain } from "../../core/base/errors.ts";

const restMs = 60;

export type AnswerState<A> =
  | { readonly kind: "loading" }
  | { readonly kind: "known"; readonly answer: A }
  | { readonly kind: "failed"; readonly error: PlainError };

interface Kept<A> {
  readonly question: string;
  readonly is: AnswerState<A>;
}

/**
 * `question` names what is asked, for as long as the answer stands; undefined asks nothing, and is "loading". `before`
 * is the last answer of all, so that its room can be kept.
 */
export function useAnswer<A>(
  question: string | undefined,
  ask: () => Promise<A>,
): { readonly is: AnswerState<A>; readonly before: A | undefined; retry(): void } {
  const [kept, setKept] = useState<Kept<A>>();
  const [attempt, setAttempt] = useState(0);
  const [before, setBefore] = useState<A>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the question says all; another attempt asks it again.
  useEffect(() => {
    if (question === undefined) return;
    let stale = false;
    const timer = setTimeout(async () => {
      const is = await ask().then(
        (answer): AnswerState<A> => ({ kind: "known", answer }),
        (error: unknown): AnswerState<A> => ({ kind: "failed", error: toPlain(error) }),
      );
      if (stale) return;
      setKept({ question, is });
      if (is.kind === "known") setBefore(() => is.answer);
    }, restMs);
    return () => {
      stale = true;
      clearTimeout(timer);
    };
  }, [question, attempt]);
  const retry = useCallback(() => {
    setKept(undefined);
    setAttempt((count) => count + 1);
  }, []);
  return { is: kept?.question === question && kept ? kept.is : { kind: "loading" }, before, retry };
}
