// Options of the session's commands in getopt's style: single letters, clusters (-qv), values attached or apart,
// options after operands, `--` before operands.
import { CommandMisuse } from "./failure.ts";

export interface Letters {
  has(letter: string): boolean;
  /** The value given last. */
  value(letter: string): string | undefined;
  /** Every value given, in order. */
  values(letter: string): readonly string[];
  readonly operands: readonly string[];
}

/**
 * `spec` lists the letters, with a colon behind those that take a value. `seen` hears every option in order, so that
 * its value is judged before what follows. Throws CommandMisuse.
 */
export function getopt(
  command: string,
  args: readonly string[],
  spec: string,
  seen?: (letter: string, value: string) => void,
): Letters {
  const given = new Map<string, string[]>();
  const operands: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] ?? "";
    if (argument === "--") {
      operands.push(...args.slice(i + 1));
      break;
    }
    if (!argument.startsWith("-") || argument === "-") {
      operands.push(argument);
      continue;
    }
    for (let at = 1; at < argument.length; at++) {
      const letter = argument[at] ?? "";
      const place = letter === ":" ? -1 : spec.indexOf(letter);
      if (place === -1) throw new CommandMisuse(`${command}: invalid option -- '${letter}'`);
      let value = "";
      if (spec[place + 1] === ":") {
        const attached = argument.slice(at + 1);
        const found = attached === "" ? args[++i] : attached;
        if (found === undefined) {
          throw new CommandMisuse(`${command}: option requires an argument -- '${letter}'`);
        }
        value = found;
        at = argument.length;
      }
      given.set(letter, [...(given.get(letter) ?? []), value]);
      seen?.(letter, value);
    }
  }
  const values = (letter: string) => given.get(letter) ?? [];
  return { has: (letter) => given.has(letter), value: (letter) => values(letter).at(-1), values, operands };
}
