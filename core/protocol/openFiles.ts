// Which files the graphs of this thread have open. Locks keep other programs out, but there may be none: taking them can
// be forgone (-U), and some systems lack them. What a command reads it must not empty even then.
const counts = new Map<string, number>();

/** The same for every name of a file or device. */
export function identityOf(stat: {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly rdev: bigint;
  isFile(): boolean;
}): string {
  return stat.isFile() ? `${stat.dev}:${stat.ino}` : `device ${stat.rdev}`;
}

export function isOpenHere(identity: string): boolean {
  return counts.has(identity);
}

/** Remembers an open file; the answer is to be called when it is closed. */
export function nowOpen(identity: string): () => void {
  counts.set(identity, (counts.get(identity) ?? 0) + 1);
  return () => {
    const left = (counts.get(identity) ?? 1) - 1;
    if (left > 0) counts.set(identity, left);
    else counts.delete(identity);
  };
}
