// Waiting, but not for ever.

/** What `work` gives or throws, or undefined when it has not come within `ms`; the work itself goes on. */
export async function soonerOf<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const time = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  return Promise.race([work, time]).finally(() => clearTimeout(timer));
}

/** Calls `late` after `ms`, behind all that had come by then: a process that stood still hears that first. */
export function setDeadline(late: () => void, ms: number): NodeJS.Timeout {
  return setTimeout(() => setImmediate(late), ms);
}
