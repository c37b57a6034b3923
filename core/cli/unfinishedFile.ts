// A new image that is not there until it is complete: while it is being filled its file has another name, and it gets
// its own by one rename at the end. So whatever ends the program, nothing of that name looks finished and is not.
import * as fs from "node:fs";
import * as path from "node:path";
import { BlockError } from "../base/errors.ts";
import { parseSpec } from "../spec.ts";
import { printWarning } from "./output.ts";
import { inPlaceOfPeer } from "./persona.ts";

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
    // What a killed one left may have the number of this process.
    let hidden = `${final}.${process.pid}.partial`;
    for (let n = 2; fs.existsSync(hidden); n++) hidden = `${final}.${process.pid}-${n}.partial`;
    try {
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

  /** The same error by the name that was asked for: nobody has seen the other one. */
  named(thrown: unknown): unknown {
    if (this.#hidden === undefined || !(thrown instanceof BlockError)) return thrown;
    const message = thrown.message.replaceAll(this.#hidden, this.#final);
    return new BlockError(thrown.code, message, thrown.context, { cause: thrown });
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

/** A symbolic link to a file in another folder. */
export function leadsElsewhere(given: string): boolean {
  const file = plainName(given);
  if (file === undefined) return false;
  try {
    return path.dirname(fs.realpathSync(file)) !== fs.realpathSync(path.dirname(file));
  } catch {
    return false;
  }
}

/** Names what a killed command left of a file that is now made anew: nothing else removes it. */
export function tellOfUnfinished(given: string): void {
  const final = plainName(given);
  if (final === undefined || inPlaceOfPeer) return;
  for (const name of unfinishedBeside(path.resolve(final))) {
    printWarning(
      `'${name}' is incomplete: a command that made '${given}' ended in the middle. It can be deleted.`,
    );
  }
}

/** Files that no running process is filling. */
function unfinishedBeside(final: string): string[] {
  const beside = (name: string) => name.startsWith(`${path.basename(final)}.`) && name.endsWith(".partial");
  try {
    const folder = path.dirname(fs.existsSync(final) ? fs.realpathSync(final) : final);
    return fs
      .readdirSync(folder)
      .filter(beside)
      .filter((name) => isOfDead(name.slice(path.basename(final).length + 1, -".partial".length)));
  } catch {
    return [];
  }
}

/** `middle` is what stands between the name and its ending. */
function isOfDead(middle: string): boolean {
  const [, pid] = /^(\d{1,9})(?:-[0-9a-f]+)?$/.exec(middle) ?? [];
  if (pid === undefined || Number(pid) === process.pid) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/** The regular file behind a plain name, without symbolic links; undefined when it is something else. */
function realFile(given: string): string | undefined {
  const file = plainName(given);
  if (file === undefined) return undefined;
  try {
    const real = fs.realpathSync(file);
    return fs.statSync(real).isFile() ? real : undefined;
  } catch {
    return undefined;
  }
}

/** The path that a target's name stands for; undefined when it is that of no file. */
function plainName(given: string): string | undefined {
  try {
    const { file } = parseSpec(given);
    const { filename, driver = "file" } = file as { filename?: unknown; driver?: unknown };
    return typeof filename === "string" && driver === "file" ? filename : undefined;
  } catch {
    return undefined;
  }
}
