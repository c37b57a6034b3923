// How work is shared out over threads. Apart from those, since pages read this as well.

/** How a pass over an image's tables is shared out. */
export interface Sharing {
  /** 1: not at all. */
  readonly threads: number;
  /** Bytes of tables that are to be gone over, from which on threads do it. */
  readonly leastBytes: number;
}
