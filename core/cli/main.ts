// Entry of the command line. `--version` and the list of commands load nothing else; a command loads what it
// needs itself. The built file is also the code of its own threads (core/jobs/workerUrl.ts).
import { isMainThread } from "node:worker_threads";
import { version } from "../../package.json";
import { CliError, UsageError } from "./command.ts";
import { type CommandEntry, commands } from "./commands.ts";
import { eventsOption, printEvents, stoppedByMismatch } from "./events.ts";
import { helpOf } from "./help.ts";
import { parseOptions } from "./options.ts";
import { printError, stderr, stdout } from "./output.ts";
import { calledAs, inPlaceOfPeer, persona } from "./persona.ts";

/** The release of the peer whose options and texts the multi-call program has. */
const peerVersion = "7.2.0";

function listed(): [string, CommandEntry][] {
  return Object.entries(commands).filter(([name, { own }]) => {
    return own === undefined || !inPlaceOfPeer || (persona === "qemu-io" && name === "io");
  });
}

function generalHelp(): string {
  const lines = listed().map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`);
  const title = inPlaceOfPeer
    ? `${persona} version ${peerVersion}`
    : `blkscope ${version}: inspects disk images`;
  return `${title}

Usage: ${persona} COMMAND [OPTION...] [ARGUMENT...]
       ${persona} help [COMMAND]

Commands:
${lines.join("\n")}
  ${"help".padEnd(10)}show this text, or the help of a command

Options:
  -h, --help     show this text; after a command, the help of that command
  -V, --version  show the version${inPlaceOfPeer ? "" : ownHelp}`;
}

const ownHelp = `

An image is changed only by the commands that say so. Formats: raw, qed, qcow2.

Examples:
  blkscope compare disk.qed disk.raw
  blkscope compare --all --output json disk.qed disk.raw
  blkscope info --backing-chain overlay.qed
  blkscope diff disk.qed disk.raw`;

const ok = 0;
const mismatchExit = 1;

async function runCommand(name: string, args: readonly string[]): Promise<number> {
  const entry = listed().find(([known]) => known === name)?.[1];
  if (entry === undefined) throw new UsageError(`Command not found: ${name}`);
  let failure = 1;
  try {
    const command = await entry.load();
    failure = command.failure;
    const options = command.opensNothing ? {} : { events: eventsOption };
    const parsed = parseOptions(command.arrange?.(args) ?? args, { ...command.options, ...options });
    if (parsed.has("events")) printEvents();
    if (parsed.help) {
      stdout.line(helpOf(name, { ...command, ...command.helpOn?.(parsed.operands) }));
      return ok;
    }
    return await command.run(parsed);
  } catch (error) {
    return report(error, name, failure);
  }
}

async function run(args: readonly string[]): Promise<number> {
  if (persona === "qemu-io") return runIo(args);
  const [first, ...rest] = args;
  switch (first) {
    case undefined:
      throw new UsageError("Not enough arguments");
    case "-V":
    case "--version":
      stdout.line(versionLine());
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

function versionLine(): string {
  return inPlaceOfPeer ? `${persona} version ${peerVersion}` : `blkscope ${version}`;
}

function runIo(args: readonly string[]): Promise<number> | number {
  if (args[0] !== "-V" && args[0] !== "--version") return runCommand("io", args);
  stdout.line(versionLine());
  return ok;
}

const helpOfHelp = `Usage: ${persona} help [COMMAND]

Shows the list of commands, or the help of one, as COMMAND --help does.

Exit codes: 0 shown; 1 there is no such command.

Example: ${persona} help compare`;

/** Prints the error and gives the exit code. `command` is the one to ask for help. */
function report(error: unknown, command: string | undefined, failure: number): number {
  if (stoppedByMismatch()) return mismatchExit;
  printError(error);
  if (error instanceof UsageError) {
    const called = command === undefined || inPlaceOfPeer ? persona : calledAs(command);
    stderr.line(`Try '${called} --help' for more information`);
  }
  return error instanceof CliError ? error.exitCode : failure;
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
