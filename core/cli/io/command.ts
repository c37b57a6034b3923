// What a command of the session is.
import type { Session } from "./session.ts";

export interface IoCommand {
  readonly name: string;
  readonly alias?: string;
  /** What follows the name; undefined where nothing can. */
  readonly args?: string;
  readonly oneline: string;
  /** Further help: what it does, an example, its options. Lines. */
  readonly more?: string;
  /** Fewest and most arguments. Default 0 and `min`. */
  readonly min?: number;
  readonly max?: number;
  /** The peer lacks it: not there where we stand in for it. */
  readonly own?: true;
  /** Works without an open image. */
  readonly withoutImage?: true;
  /** Needs an image that is open for writing. */
  readonly writes?: true;
  /** Throws CommandFailure, CommandMisuse, or BlockError. */
  run(session: Session, args: readonly string[]): Promise<void>;
}

/** "length -- gets the length of the current file" */
export function usageLine({ name, args, oneline }: IoCommand): string {
  return args === undefined ? `${name} -- ${oneline}` : `${name} ${args} -- ${oneline}`;
}
