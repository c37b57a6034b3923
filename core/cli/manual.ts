// The manual of the command line, docs/cli.md: made of the same tables that parse the options and print the help.
import type { Command } from "./command.ts";
import { commands } from "./commands.ts";
import { shownOptions, spelling } from "./help.ts";

const opening = `# The command line

\`blkscope COMMAND [OPTION...] [ARGUMENT...]\`. Commands that have a counterpart in qemu-img take its options, print
what it prints and end with its exit codes; \`blkscope io\` is qemu-io. Reached through a link named \`qemu-img\` or
\`qemu-io\`, or with the variable \`BLKSCOPE_AS\` set to one of these names, the program is that program: same
sub-commands, same prefix of messages, nothing of its own, so that a script can be pointed at it unchanged.

Messages go to stderr. Sizes take a suffix of b, k, M, G, T, P or E (1024-based). Options may follow operands; \`--\`
ends them; long names may be cut short while they stay unambiguous.

This page is made by \`npm run docs\` from the tables that parse the options.
`;

/** The whole page, Markdown, with the newline at its end. */
export async function manual(): Promise<string> {
  const entries = Object.entries(commands);
  const contents = entries.map(([name, { summary }]) => `- [${name}](#${name}): ${summary}`).join("\n");
  const sections: string[] = [];
  for (const [name, entry] of entries) sections.push(sectionOf(name, entry.summary, await entry.load()));
  return `${opening}\n${contents}\n\n${sections.join("\n")}`;
}

function sectionOf(name: string, summary: string, command: Command): string {
  const parts = [`## ${name}`, `${summary[0]?.toUpperCase()}${summary.slice(1)}.`];
  parts.push(fenced(command.usage.map((line) => `blkscope ${name} ${line}`).join("\n")));
  parts.push(...command.description.split("\n\n"));
  const rows = shownOptions(command).map(
    (spec) => `| \`${cell(spelling(spec).trim())}\` | ${cell(spec.help)} |`,
  );
  parts.push(["| option | |", "|---|---|", ...rows].join("\n"));
  for (const { title, text } of command.sections ?? []) parts.push(`**${title}**`, fenced(text));
  const exits = command.exits.map(([code, text]) => `| ${code} | ${cell(text)} |`);
  parts.push(["| exit code | |", "|---|---|", ...exits].join("\n"));
  if (command.examples.length > 0) {
    parts.push(fenced(command.examples.map((line) => `blkscope ${line}`).join("\n")));
  }
  return `${parts.join("\n\n")}\n`;
}

function fenced(text: string): string {
  return `\`\`\`\n${text}\n\`\`\``;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
