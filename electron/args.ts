// The command line: `[open|diff] FILE...` or plain files, `--view=hex|compare`, `--smoke-test`. Every other
// word that starts with a dash is Chromium's, Electron's or unknown, and no file; after `--` all are files.
import * as path from "node:path";
import { fileURLToPath } from "node:url";

export type View = "welcome" | "hex" | "compare";

/** Files to show, and how. */
export interface Opening {
  /** Absolute paths, in the order given. */
  readonly files: readonly string[];
  readonly view: View;
}

export interface Args extends Opening {
  readonly smokeTest: boolean;
}

/** Electron's switches whose value is the next word. */
const takesValue: ReadonlySet<string> = new Set(["-r", "--require"]);

/**
 * `argv` starts with the executable. `withApp`: the first plain word is the app's folder, as `electron .` has it.
 * Relative names are relative to `cwd`.
 */
export function parseArgs(argv: readonly string[], cwd: string, withApp: boolean): Args {
  const words: string[] = [];
  let given: View | undefined;
  let smokeTest = false;
  let onlyFiles = false;
  for (let at = 1; at < argv.length; at++) {
    const word = argv[at] ?? "";
    if (word === "") continue;
    if (onlyFiles || !word.startsWith("-")) words.push(word);
    else if (word === "--") onlyFiles = true;
    else if (word === "--view=hex" || word === "--view=compare")
      given = word === "--view=hex" ? "hex" : "compare";
    else if (word === "--smoke-test") smokeTest = true;
    else if (takesValue.has(word)) at++;
  }
  if (withApp) words.shift();
  const verb = words.length > 1 && (words[0] === "open" || words[0] === "diff") ? words.shift() : undefined;
  given ??= verb === "open" ? "hex" : verb === "diff" ? "compare" : undefined;
  const files = words.map((word) => absolute(word, cwd));
  return { files, view: viewOf(files.length, given), smokeTest };
}

/** What opening these files means when nothing else was asked. */
export function opening(files: readonly string[]): Opening {
  return { files, view: viewOf(files.length) };
}

/**
 * What a second launch sent with its request to be the only one; undefined for anything else. It comes from
 * another process, of another version perhaps.
 */
export function handedOver(data: unknown): Opening | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const { files, view } = data as Partial<Record<keyof Opening, unknown>>;
  const areFiles =
    Array.isArray(files) && files.every((file) => typeof file === "string" && path.isAbsolute(file));
  if (!areFiles || (view !== "welcome" && view !== "hex" && view !== "compare")) return undefined;
  return { files, view: viewOf(files.length, view) };
}

/** The view for so many files: two are compared unless something else was asked; a comparison needs two. */
export function viewOf(count: number, given?: View | undefined): View {
  if (count === 0) return "welcome";
  return count === 2 && given !== "hex" ? "compare" : "hex";
}

/** Desktop entries may give file: addresses. */
function absolute(word: string, cwd: string): string {
  if (!word.startsWith("file://")) return path.resolve(cwd, word);
  try {
    return fileURLToPath(word);
  } catch {
    return path.resolve(cwd, word);
  }
}
