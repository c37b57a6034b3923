// Entry of the command line. `--version` and the list of commands load nothing else; a command loads what it
// needs itself. The built file is also the code of its own threads (core/jobs/workerUrl.ts).
import { isMainThread } from "node:worker_threads";
import { version } from "../../package.json";
import { CliError, type Command, UsageError } from "./command.ts";
import { parseOptions } from "./options.ts";
import { printError, stderr, stdout } from "./output.ts";

interface Entry {
  readonly summary: string;
  load(): Promise<Command>;
}

/** In the order in which help lists them. */
const commands: Readonly<Record<string, Entry>> = {
  compare: {
    summary: "compare two images: equal or not, or every mismatch (--all)",
    load: async () => (await import("./compare.ts")).compare,
  },
  info: {
    summary: "show what an image is: format, sizes, backing file",
    load: async () => (await import("./info.ts")).info,
  },
  open: {
    summary: "open images in the app",
    load: async () => (await import("./open.ts")).open,
  },
  diff: {
    summary: "open two images side by side in the app",
    load: async () => (await import("./diff.ts")).diff,
  },
};

function generalHelp(): string {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`);
  return `blkscope ${version}: shows where disk images differ

Usage: blkscope COMMAND [OPTION...] [ARGUMENT...]
       blkscope help [COMMAND]

Commands:
${lines.join("\n")}
  ${"help".padEnd(10)}show this text, or the help of a command

Options:
  -h, --help     show this text; after a command, the help of that command
  -V, --version  show the version

Images are only ever opened for reading. Formats: raw, qed.

Examples:
  blkscope compare disk.qed disk.raw
  blkscope compare --all --output json disk.qed disk.raw
  blkscope info --backing-chain overlay.qed
  blkscope diff disk.qed disk.raw`;
}

const ok = 0;

async function runCommand(name: string, args: readonly string[]): Promise<number> {
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry === undefined) throw new UsageError(`Command not found: ${name}`);
  let failure = 1;
  try {
    const command = await entry.load();
    failure = command.failure;
    const parsed = parseOptions(args, command.options);
    if (parsed.help) {
      stdout.line(command.help);
      return ok;
    }
    return await command.run(parsed);
  } catch (error) {
    return report(error, name, failure);
  }
}

async function run(args: readonly string[]): Promise<number> {
  const [first, ...rest] = args;
  switch (first) {
    case undefined:
      throw new UsageError("Not enough arguments");
    case "-V":
    case "--version":
      stdout.line(`blkscope ${version}`);
      return ok;
    case "-h":
    case "--help":
      stdout.line(generalHelp());
      return ok;
    case "help": {
      const { operands, help } = parseOptions(rest, {});
      if (operands.length > 1) throw new UsageError(`Unexpected argument: ${operands[1]}`);
      if (operands[0] !== undefined && operands[0] !== "help") return runCommand(operands[0], ["--help"]);
      stdout.line(help || operands[0] === "help" ? helpOfHelp : generalHelp());
      return ok;
    }
    default:
      if (first.startsWith("-")) throw new UsageError(`unrecognized option '${first}'`);
      return runCommand(first, rest);
  }
}

const helpOfHelp = `Usage: blkscope help [COMMAND]

Shows the list of commands, or the help of one, as COMMAND --help does.

Exit codes: 0 shown; 1 there is no such command.

Example: blkscope help compare`;

/** Prints the error and gives the exit code. `command` is the one to ask for help. */
function report(error: unknown, command: string | undefined, failure: number): number {
  if (error instanceof CliError) {
    printError(error.message, error.hint);
    if (error instanceof UsageError) {
      stderr.line(`Try 'blkscope ${command === undefined ? "" : `${command} `}--help' for more information`);
    }
    return error.exitCode;
  }
  const { message, context } = error as { message?: string; context?: { hint?: string } };
  printError(message ?? String(error), context?.hint);
  return failure;
}

async function main(): Promise<never> {
  let code: number;
  try {
    code = await run(process.argv.slice(2));
  } catch (error) {
    code = report(error, undefined, 1);
  }
  try {
    stdout.flush();
    stderr.flush();
  } catch (error) {
    code = report(error, undefined, 2);
  }
  // Not left to the event loop: a helper thread or a hanging read must not keep a finished command alive.
  process.exit(code);
}

if (isMainThread) void main();
else void import("../jobs/worker.ts");
