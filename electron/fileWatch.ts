// Watches an open image's file from outside: is it still what it was when it was opened? The folder's change
// events make it quick where the system has them; a slow poll makes it sure everywhere (network mounts).
import { type FSWatcher, watch } from "node:fs";
import { stat } from "node:fs/promises";
import * as path from "node:path";
import type { FileState } from "./ipc/contract.ts";

/** What tells one state of a file from another. */
export interface FileFacts {
  readonly isFile: boolean;
  /** Bytes. */
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ino: bigint;
  readonly dev: bigint;
}

/** Facts now, undefined when the file is not there (or can no longer be seen). Throws what says neither. */
export async function fileFacts(file: string): Promise<FileFacts | undefined> {
  try {
    const found = await stat(file, { bigint: true });
    const { size, mtimeNs, ino, dev } = found;
    return { isFile: found.isFile(), size, mtimeNs, ino, dev };
  } catch (error) {
    if (passing.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    return undefined;
  }
}

/** Errors that are ours, not the file's. */
const passing: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOMEM", "EINTR", "EAGAIN"]);

/** `at` is when the change was seen, milliseconds since the epoch. */
export function stateOf(before: FileFacts, now: FileFacts | undefined, at: number): FileState {
  if (now === undefined) return { kind: "missing" };
  const isSameFile = before.ino === now.ino && before.dev === now.dev;
  // A device has neither a size nor a time of its content.
  const isSame =
    isSameFile && (!before.isFile || (before.size === now.size && before.mtimeNs === now.mtimeNs));
  return isSame ? { kind: "same" } : { kind: "changed", at, sizeDelta: Number(now.size - before.size) };
}

const pollMs = 2000;
/** Events of a busy folder are gathered this long. */
const gatherMs = 200;

export class FileWatch {
  readonly #path: string;
  readonly #onChange: (state: FileState) => void;
  #before: FileFacts;
  #last: FileFacts | undefined;
  #state: FileState = { kind: "same" };
  #checking: Promise<void> | undefined;
  #gathering: NodeJS.Timeout | undefined;
  readonly #poll: NodeJS.Timeout;
  #folder: FSWatcher | undefined;
  #closed = false;

  /** `before` is what the file was just before it was opened; `onChange` hears every other state, once. */
  constructor(file: string, before: FileFacts, onChange: (state: FileState) => void) {
    this.#path = file;
    this.#before = before;
    this.#last = before;
    this.#onChange = onChange;
    this.#poll = setInterval(() => void this.check(), pollMs);
    this.#poll.unref();
    this.#watchFolder();
  }

  /** The state as of now. With `accept`, what the file is now becomes what it is compared with. */
  async state(accept: boolean): Promise<FileState> {
    // A look that is under way may have seen the file before the question.
    await this.#checking;
    await this.check();
    if (accept && this.#last !== undefined) {
      this.#before = this.#last;
      this.#state = { kind: "same" };
    }
    return this.#state;
  }

  /** Looks once; several callers share a look. */
  check(): Promise<void> {
    this.#checking ??= this.#look().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#poll);
    clearTimeout(this.#gathering);
    this.#folder?.close();
  }

  async #look(): Promise<void> {
    let now: FileFacts | undefined;
    try {
      now = await fileFacts(this.#path);
    } catch {
      return; // the next look may succeed
    }
    if (this.#closed || areEqual(now, this.#last)) return;
    this.#last = now;
    this.#state = stateOf(this.#before, now, Date.now());
    this.#onChange(this.#state);
  }

  #watchFolder(): void {
    const name = path.basename(this.#path);
    try {
      this.#folder = watch(path.dirname(this.#path), { persistent: false }, (_event, changed) => {
        if (changed !== null && changed !== name) return;
        this.#gathering ??= setTimeout(() => {
          this.#gathering = undefined;
          void this.check();
        }, gatherMs);
      });
      this.#folder.on("error", () => this.#folder?.close());
    } catch {
      // no change events here: the poll does it alone
    }
  }
}

function areEqual(a: FileFacts | undefined, b: FileFacts | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ino === b.ino && a.dev === b.dev;
}
