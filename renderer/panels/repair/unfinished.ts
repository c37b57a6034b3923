// Journals beside open images whose repairs were cut off or never begun: asked for once for each opening of an image,
// whichever of its views shows, and again when something was done about one.
import { useEffect } from "react";
import { create } from "zustand";
import type { UnfinishedRepair } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";

interface Answer {
  /** Undefined where there is none, and where it can't be said. */
  readonly found: UnfinishedRepair | undefined;
}

interface UnfinishedStore {
  /** By image. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** Grows when what was answered may not hold any more. */
  readonly round: number;
}

const useAnswers = create<UnfinishedStore>()(() => ({ answers: {}, round: 0 }));
/** Questions on their way or answered, by image and round. */
const asked = new Set<string>();

/** Undefined while it is asked for the first time. */
export function useUnfinished(image: number | undefined): Answer | undefined {
  const round = useAnswers((state) => state.round);
  useEffect(() => {
    if (image !== undefined) ask(image, round);
  }, [image, round]);
  return useAnswers(({ answers }) => (image === undefined ? undefined : answers[image]));
}

/** A journal was finished, taken back, moved or deleted: asks again for the images that show. */
export function lookForUnfinished(): void {
  useAnswers.setState(({ round }) => ({ round: round + 1 }));
}

function ask(image: number, round: number): void {
  const key = `${image} ${round}`;
  if (asked.has(key)) return;
  asked.add(key);
  const take = (found: UnfinishedRepair | undefined) => {
    if (useAnswers.getState().round !== round) return;
    useAnswers.setState(({ answers }) => ({ answers: { ...answers, [image]: { found } } }));
  };
  call("repair:unfinished", { image }).then(take, () => take(undefined));
}
