// The recent list: images and compared pairs by path, newest first, in a small file of the user's profile. A
// damaged file costs what it held and nothing else; entries whose files are gone stay, marked missing.
import { readFile, stat } from "node:fs/promises";
import * as path from "node:path";
import * as z from "zod";
import { soonerOf } from "../core/base/wait.ts";
import { writeAtomic } from "./atomicWrite.ts";
import type { FileTokens } from "./files.ts";
import type { RecentItem } from "./ipc/contract.ts";

export const mostRecent = 12;
/** Longest file worth reading, bytes: twelve pairs of the longest paths need less. */
const longestFile = 1024 * 1024;

const entry = z.object({
  paths: z.array(z.string().min(1).refine(path.isAbsolute)).min(1).max(2),
  at: z.number().nonnegative(),
});
type Entry = z.output<typeof entry>;

export class RecentList {
  readonly #file: string;
  readonly #tokens: FileTokens;
  readonly #lookMs: number;
  #entries: Promise<readonly Entry[]> | undefined;
  #saving: Promise<void> = Promise.resolve();

  /** A dead mount answers never: a file not seen to be missing within `lookMs` is taken to be there. */
  constructor(file: string, tokens: FileTokens, lookMs = 250) {
    this.#file = file;
    this.#tokens = tokens;
    this.#lookMs = lookMs;
  }

  async items(): Promise<readonly RecentItem[]> {
    return Promise.all(
      (await this.#load()).map(async ({ paths, at }) => ({
        files: paths.map((file) => this.#tokens.refOf(file)),
        at,
        missing: (await Promise.all(paths.map((file) => isMissing(file, this.#lookMs)))).includes(true),
      })),
    );
  }

  /** Puts these files, opened together, at the top. */
  async remember(paths: readonly string[], at = Date.now()): Promise<void> {
    await this.#change((entries) =>
      [{ paths: [...paths], at }, ...without(entries, paths)].slice(0, mostRecent),
    );
  }

  /** Takes the entry of exactly these files off the list. */
  async forget(paths: readonly string[]): Promise<void> {
    await this.#change((entries) => without(entries, paths));
  }

  async clear(): Promise<void> {
    await this.#change(() => []);
  }

  async #change(next: (entries: readonly Entry[]) => readonly Entry[]): Promise<void> {
    const changed = this.#load().then(next);
    this.#entries = changed;
    await changed;
    // One after the other, each with the newest list.
    this.#saving = this.#saving.then(async () => {
      const entries = await this.#load();
      await writeAtomic(this.#file, `${JSON.stringify({ version: 1, entries }, undefined, 1)}\n`);
    });
    const saved = this.#saving;
    this.#saving = saved.catch(() => undefined);
    await saved.catch((error) => console.error("the recent list could not be saved:", error));
  }

  #load(): Promise<readonly Entry[]> {
    this.#entries ??= readEntries(this.#file);
    return this.#entries;
  }
}

/** What can be understood of the file; nothing when there is none. */
async function readEntries(file: string): Promise<readonly Entry[]> {
  let value: unknown;
  try {
    if ((await stat(file)).size > longestFile) return [];
    value = JSON.parse(await readFile(file, "utf8"));
  } catch {
    return [];
  }
  const found = z.object({ entries: z.array(z.unknown()) }).safeParse(value);
  if (!found.success) return [];
  return found.data.entries
    .flatMap((one) => {
      const parsed = entry.safeParse(one);
      return parsed.success ? [parsed.data] : [];
    })
    .slice(0, mostRecent);
}

/** A pair is the same entry whichever side was first. */
function without(entries: readonly Entry[], paths: readonly string[]): readonly Entry[] {
  const key = keyOf(paths);
  return entries.filter((one) => keyOf(one.paths) !== key);
}

const keyOf = (paths: readonly string[]) => JSON.stringify([...paths].sort());

async function isMissing(file: string, lookMs: number): Promise<boolean> {
  const look = stat(file).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === "ENOENT" || error.code === "ENOTDIR",
  );
  return (await soonerOf(look, lookMs)) ?? false;
}
