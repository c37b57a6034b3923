// Splits the text of a command into its words, as a shell does with quotes and backslashes; nothing else of a shell.
import { CliError } from "./command.ts";

/** "fsck -n 'a b' {}" is four words. Throws CliError for a quote that is not closed. */
export function commandWords(text: string, option: string): string[] {
  const words: string[] = [];
  let word = "";
  let isOpen = false;
  let quote: string | undefined;
  for (let i = 0; i < text.length; i++) {
    const character = text[i] as string;
    if (quote !== undefined) {
      if (character === quote) quote = undefined;
      else if (character === "\\" && quote === '"' && /["\\$`]/.test(text[i + 1] ?? "")) word += text[++i];
      else word += character;
      continue;
    }
    if (/\s/.test(character)) {
      if (isOpen) words.push(word);
      [word, isOpen] = ["", false];
      continue;
    }
    isOpen = true;
    if (character === "'" || character === '"') quote = character;
    else if (character === "\\") word += text[++i] ?? "\\";
    else word += character;
  }
  if (quote !== undefined) throw new CliError(`Invalid ${option} '${text}': a quote is not closed`, 1);
  if (isOpen) words.push(word);
  if (words.length === 0) throw new CliError(`Invalid ${option}: the command is empty`, 1);
  return words;
}
