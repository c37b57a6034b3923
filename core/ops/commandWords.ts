// A command that judges states of a log, as a person writes it: its words, and lines made of words and back. Pure, for views
// as well as for what runs it (stateCommand.ts).
import { BlockError } from "../base/errors.ts";

export interface StateCommand {
  /** The program and its arguments; `{}` in them stands for the file. One text for the shell. */
  readonly words: readonly string[];
  readonly shell: boolean;
  readonly timeoutMs: number;
}

/** The words with the file's name for `{}`. A shell gets the name quoted. */
export function commandFor({ words, shell }: StateCommand, file: string): readonly string[] {
  if (!shell) return words.map((word) => word.replaceAll("{}", file));
  return ["/bin/sh", "-c", words.join(" ").replaceAll("{}", quoted(file))];
}

/** The command as a person would type it, with `{}`. */
export function commandText({ words, shell }: Pick<StateCommand, "words" | "shell">): string {
  return shell ? words.join(" ") : commandLine(words);
}

/** As a line that a shell takes for these words. */
export function commandLine(words: readonly string[]): string {
  return words.map(quoted).join(" ");
}

function quoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./{}-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * The words of a line, parted as a shell parts them: at blanks, with '...', "..." and backslashes. What only a shell can do
 * with a line (variables, pipes, patterns) is plain text here. Throws EINVAL for a quote that is not closed.
 */
export function wordsOf(line: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let at = 0; at < line.length; at++) {
    const character = line.charAt(at);
    const next = line.charAt(at + 1);
    if (quote !== undefined && character === quote) {
      quote = undefined;
    } else if (character === "\\" && quote !== "'") {
      if (next === "") throw new BlockError("EINVAL", "The command ends with a backslash");
      // Between double quotes a backslash is one, except before these.
      const isPlain = quote === '"' && next !== '"' && next !== "\\" && next !== "$" && next !== "`";
      word = `${word ?? ""}${isPlain ? character : ""}${next}`;
      at++;
    } else if (quote === undefined && (character === "'" || character === '"')) {
      quote = character;
      word ??= "";
    } else if (quote === undefined && (character === " " || character === "\t")) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = `${word ?? ""}${character}`;
    }
  }
  if (quote !== undefined) throw new BlockError("EINVAL", `A ${quote} in the command is not closed`);
  if (word !== undefined) words.push(word);
  return words;
}

/** The command of a line that a person wrote. Throws EINVAL, with what to do about it. */
export function commandOf(line: string, shell: boolean, timeoutMs: number): StateCommand {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
  if (/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/.test(line)) {
    throw new BlockError("EINVAL", "A command is one line, without control characters");
  }
  const words = shell ? [line.trim()] : wordsOf(line);
  if (line.trim() === "" || words[0] === "") {
    throw new BlockError("EINVAL", "There is no command", { hint: "For example: e2fsck -fn {}" });
  }
  if (!words.some((word) => word.includes("{}"))) {
    throw new BlockError("EINVAL", "The command has no {}, which stands for the file of the state", {
      hint: "Write {} where the file's name goes: e2fsck -fn {}",
    });
  }
  return { words, shell, timeoutMs };
}
