// Smoothed speed and time left of a running job, from the progress messages it sends.
// Exponential smoothing over time (not per message), so that bursts of messages weigh no more than one.

/** A sample of a job's progress. */
export interface Sample {
  /** Milliseconds on any monotonic clock. */
  readonly at: number;
  /** Bytes of the whole that are finished; holes count. */
  readonly done: number;
  /** Bytes really read; holes do not count. */
  readonly bytesRead: number;
}

export interface Rate {
  readonly startedAt: number;
  readonly last: Sample;
  /** Finished bytes per second, smoothed; undefined until two samples apart in time were seen. */
  readonly donePerSecond: number | undefined;
  /** Bytes read per second, smoothed: the rate shown. */
  readonly readPerSecond: number | undefined;
}

/** A step in speed is followed to 63 % after this long. */
const timeConstantMs = 3000;
/** Samples closer than this are joined: their quotient is mostly noise. */
const shortestStepMs = 50;
/** No estimate before this much time was observed. */
export const etaAfterMs = 3000;

export function startRate(sample: Sample): Rate {
  return { startedAt: sample.at, last: sample, donePerSecond: undefined, readPerSecond: undefined };
}

export function nextRate(rate: Rate, sample: Sample): Rate {
  const stepMs = sample.at - rate.last.at;
  if (stepMs < shortestStepMs) return rate;
  const weight = 1 - Math.exp(-stepMs / timeConstantMs);
  const smooth = (before: number | undefined, bytes: number) => {
    const now = Math.max(0, bytes) / (stepMs / 1000);
    return before === undefined ? now : before + (now - before) * weight;
  };
  return {
    startedAt: rate.startedAt,
    last: sample,
    donePerSecond: smooth(rate.donePerSecond, sample.done - rate.last.done),
    readPerSecond: smooth(rate.readPerSecond, sample.bytesRead - rate.last.bytesRead),
  };
}

/** Milliseconds to the end; undefined while it is too early to say or nothing moves. */
export function timeLeftMs(rate: Rate, total: number): number | undefined {
  if (rate.last.at - rate.startedAt < etaAfterMs) return undefined;
  if (!rate.donePerSecond || rate.donePerSecond < 1) return undefined;
  return (Math.max(0, total - rate.last.done) / rate.donePerSecond) * 1000;
}
