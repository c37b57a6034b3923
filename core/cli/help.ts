// The text of --help, made of the same tables that parse the options.
import type { Command } from "./command.ts";
import { eventsOption } from "./events.ts";
import { helpSpec, type OptionSpec } from "./options.ts";
import { calledAs, inPlaceOfPeer } from "./persona.ts";

const width = 112;

/** Everything `--help` prints, without the newline at the end. */
export function helpOf(name: string, command: Command): string {
  const usage = command.usage.map((line, i) => `${i === 0 ? "Usage:" : "      "} ${calledAs(name)} ${line}`);
  const parts = [usage.join("\n"), ...command.description.split("\n\n").map((text) => wrap(text, 0))];
  parts.push(`Options:\n${optionLines(command)}`);
  for (const { title, text } of command.sections ?? []) parts.push(`${title}:\n${indent(text)}`);
  parts.push(`Exit codes:\n${exitLines(command)}`);
  if (command.examples.length > 0 && !inPlaceOfPeer) {
    parts.push(`Examples:\n${indent(command.examples.map((line) => `blkscope ${line}`).join("\n"))}`);
  }
  return parts.join("\n\n");
}

/** "-f, --format FMT" */
export function spelling({ short, long, value }: OptionSpec): string {
  const names = [short === undefined ? "  " : `-${short}`, long === undefined ? undefined : `--${long}`];
  const joined = short === undefined ? `    ${names[1]}` : names.filter(Boolean).join(", ");
  return value === undefined ? joined : `${joined} ${value}`;
}

/** The options a person sees, in the table's order, help last. */
export function shownOptions(command: Command): readonly OptionSpec[] {
  const events = command.opensNothing ? [] : [eventsOption];
  const all: OptionSpec[] = [...Object.values(command.options), ...events, helpSpec];
  return all.filter(({ own }) => own === undefined || !inPlaceOfPeer);
}

function optionLines(command: Command): string {
  const rows = shownOptions(command).map((spec) => [spelling(spec), spec.help] as const);
  const column = Math.min(28, Math.max(...rows.map(([left]) => left.length))) + 4;
  return rows
    .map(([left, text]) => {
      const right = wrap(text, column);
      return left.length + 4 > column
        ? `  ${left}\n${" ".repeat(column)}${right}`
        : `  ${left}`.padEnd(column) + right;
    })
    .join("\n");
}

function exitLines(command: Command): string {
  const column = Math.max(...command.exits.map(([code]) => String(code).length)) + 4;
  return command.exits.map(([code, text]) => `  ${code}`.padEnd(column) + wrap(text, column)).join("\n");
}

function indent(text: string): string {
  return text
    .split("\n")
    .map((line) => (line === "" ? "" : `  ${line}`))
    .join("\n");
}

/** Breaks at blanks; lines after the first begin at `column`. */
export function wrap(text: string, column: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && column + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join(`\n${" ".repeat(column)}`);
}
