// A command of the person's own that judges a disk: run without a shell unless asked, with its output kept, ended with
// all it started when it takes too long or when the search is stopped.
import { spawn } from "node:child_process";
import { BlockError } from "../base/errors.ts";
import { soonerOf } from "../base/wait.ts";
import { commandFor, type StateCommand } from "./commandWords.ts";

export interface CommandOutcome {
  /** undefined where a signal ended it. */
  readonly exit: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  readonly timedOut: boolean;
  /** The end of what it printed on both outputs. */
  readonly output: string;
  readonly ms: number;
}

/** Characters of its output that are kept. */
const mostOutput = 8192;
/** Between the request to end and the end by force. */
const graceMs = 1000;
/** For output still on its way when the command has ended. Not for longer: a daemon that it started may keep it open. */
const drainMs = 250;

/** Throws ENOENT, EACCES (it can't be run at all), ECANCELED. */
export async function runCommand(
  command: StateCommand,
  file: string,
  signal: AbortSignal,
): Promise<CommandOutcome> {
  const [program = "", ...args] = commandFor(command, file);
  const began = performance.now();
  if (signal.aborted) throw new BlockError("ECANCELED", "The search was stopped");
  // A group of its own, so that what it starts ends with it, and Ctrl-C is ours to hear.
  const child = spawn(program, args, { detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const keep = (chunk: string) => {
    output = (output + chunk).slice(-mostOutput);
  };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", keep);
  const kill = (name: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // It has ended by itself.
    }
  };
  let force: NodeJS.Timeout | undefined;
  let timedOut = false;
  const end = () => {
    kill("SIGTERM");
    force ??= setTimeout(() => kill("SIGKILL"), graceMs);
  };
  const timer = setTimeout(() => {
    timedOut = true;
    end();
  }, command.timeoutMs);
  // Also when the program is ended on the spot.
  const atExit = () => kill("SIGKILL");
  process.once("exit", atExit);
  signal.addEventListener("abort", end, { once: true });
  // Asked for already now: where all its output has come, this is told together with the end.
  const closed = new Promise((resolve) => child.once("close", resolve));
  try {
    const [exit, by] = await ended(child, program);
    // What it left running in the background would keep the file, and its output open.
    kill("SIGKILL");
    await soonerOf(closed, drainMs);
    if (signal.aborted) throw new BlockError("ECANCELED", "The search was stopped");
    return {
      exit: exit ?? undefined,
      signal: by ?? undefined,
      timedOut,
      output,
      ms: performance.now() - began,
    };
  } finally {
    clearTimeout(timer);
    clearTimeout(force);
    kill("SIGKILL");
    process.removeListener("exit", atExit);
    signal.removeEventListener("abort", end);
  }
}

function ended(
  child: ReturnType<typeof spawn>,
  program: string,
): Promise<[number | null, NodeJS.Signals | null]> {
  return new Promise((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      const known = error.code === "EACCES" || error.code === "ENOENT" ? error.code : undefined;
      const why = known === undefined ? error.message : whyNot[known];
      const context = known === "ENOENT" ? { hint: pathHint } : {};
      reject(new BlockError(known ?? "EIO", `'${program}' can't be run: ${why}`, context, { cause: error }));
    });
    // Its output may be held open by something it started: its own end counts.
    child.once("exit", (exit, by) => resolve([exit, by]));
  });
}

const pathHint = "If it is not among the programs of PATH, give its whole path.";
const whyNot = { EACCES: "it may not be executed", ENOENT: "there is no such program" } as const;

/** "exit 4", "ended by SIGSEGV", "longer than 30 s". */
export function outcomeText(
  { exit, signal, timedOut }: Pick<CommandOutcome, "exit" | "signal" | "timedOut">,
  timeoutMs: number,
): string {
  if (timedOut) return `longer than ${timeoutMs / 1000} s`;
  return signal === undefined ? `exit ${exit}` : `ended by ${signal}`;
}
