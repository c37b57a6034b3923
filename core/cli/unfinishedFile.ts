// A new image that is not there until it is complete: while it is being filled its file has another name, and it gets
// its own by one rename at the end. So whatever ends the program, nothing of that name looks finished and is not.
import * as fs from "node:fs";
import * as path from "node:path";
import { parseSpec } from "../spec.ts";

export class UnfinishedFile {
  readonly #final: string;
  /** A further file made with it, which keeps its name. */
  readonly #beside: string | undefined;
  #hidden: string | undefined;

  private constructor(final: string, hidden: string | undefined, beside: string | undefined) {
    this.#final = final;
    this.#hidden = hidden;
    this.#beside = beside;
  }

  /**
   * Hides the file that was just created under the name given on the command line; it may be open. What is no regular
   * file, or cannot be renamed, stays where it is. `beside` is its data file, if that was not there before.
   */
  static hide(given: string, beside?: string): UnfinishedFile {
    const final = realFile(given);
    if (final === undefined) return new UnfinishedFile(given, undefined, beside);
    const hidden = path.join(path.dirname(final), `${path.basename(final)}.${process.pid}.partial`);
    try {
      if (fs.existsSync(hidden)) return new UnfinishedFile(final, undefined, beside);
      fs.renameSync(final, hidden);
      return new UnfinishedFile(final, hidden, beside);
    } catch {
      return new UnfinishedFile(final, undefined, beside);
    }
  }

  /** The name it has now. */
  get path(): string {
    return this.#hidden ?? this.#final;
  }

  /** It is complete and closed. Throws the system's error. */
  finish(): void {
    if (this.#hidden === undefined) return;
    fs.renameSync(this.#hidden, this.#final);
    this.#hidden = undefined;
  }

  /** It will not be finished: removed if it is a regular file. Says what has become of it. */
  discard(): "removed" | "left unfinished" {
    if (this.#beside !== undefined) fs.rmSync(this.#beside, { force: true });
    const there = this.#hidden ?? realFile(this.#final);
    if (there === undefined) return "left unfinished";
    try {
      fs.rmSync(there);
      return "removed";
    } catch {
      return "left unfinished";
    }
  }
}

/** The regular file behind a plain name, without symbolic links; undefined when it is something else. */
function realFile(given: string): string | undefined {
  try {
    const { file } = parseSpec(given);
    const { filename, driver = "file" } = file as { filename?: unknown; driver?: unknown };
    if (typeof filename !== "string" || driver !== "file") return undefined;
    const real = fs.realpathSync(filename);
    return fs.statSync(real).isFile() ? real : undefined;
  } catch {
    return undefined;
  }
}
