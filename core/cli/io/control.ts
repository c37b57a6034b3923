// help, quit, sleep, and the two that end the program as a crash would.
import { setTimeout as delay } from "node:timers/promises";
import { stderr, stdout } from "../output.ts";
import { type IoCommand, usageLine } from "./command.ts";
import { CommandFailure } from "./failure.ts";
import { cNumber, sizeNumber } from "./number.ts";

export const help: IoCommand = {
  name: "help",
  alias: "?",
  args: "[command]",
  oneline: "help for one or all commands",
  max: 1,
  withoutImage: true,
  async run(_session, [name]) {
    // The table names this command.
    const [{ ioCommands }, { commandNamed }] = await Promise.all([
      import("./table.ts"),
      import("./session.ts"),
    ]);
    if (name === undefined) {
      for (const command of ioCommands) stdout.line(usageLine(command));
      stdout.line("\nUse 'help commandname' for extended help.");
      return;
    }
    const command = commandNamed(name);
    if (command === undefined) throw new CommandFailure("out", `command ${name} not found`);
    stdout.line(usageLine(command));
    if (command.more !== undefined) {
      stdout.line(`\n${command.more.replace(/^(?=.)/gm, " ")}\n`);
    }
  },
};

export const quit: IoCommand = {
  name: "quit",
  alias: "q",
  oneline: "exit the program",
  max: Number.POSITIVE_INFINITY,
  withoutImage: true,
  async run(session) {
    session.end();
  },
};

/** The longest that a timer can wait, milliseconds. */
const longestSleep = 2 ** 31 - 1;

export const sleep: IoCommand = {
  name: "sleep",
  oneline: "waits for the given value in milliseconds",
  min: 1,
  withoutImage: true,
  async run(session, [text = ""]) {
    const ms = cNumber(text);
    if (ms === undefined || ms < 0) throw new CommandFailure("out", `${text} is not a valid number`);
    await session.unlessInterrupted(delay(Math.min(ms, longestSleep)));
  },
};

/** Signals are numbered from 1 to 64; the peer takes 65 as well, which the system then refuses silently. */
const mostSignal = 65;

export const sigraise: IoCommand = {
  name: "sigraise",
  args: "signal",
  oneline: "raises a signal",
  more: `Sends the program a signal, given by its number. Nothing is closed or flushed before: images stay as they
are after a crash.

Example:
'sigraise 15' - ends the program as SIGTERM does`,
  min: 1,
  withoutImage: true,
  async run(_session, [text = ""]) {
    const signal = sizeNumber(text);
    if (signal > mostSignal) {
      throw new CommandFailure("out", `signal argument '${text}' is too large to be a valid signal`);
    }
    stdout.flush();
    stderr.flush();
    if (signal < mostSignal) process.kill(process.pid, signal);
  },
};

export const abort: IoCommand = {
  name: "abort",
  oneline: "simulate a program crash using abort(3)",
  withoutImage: true,
  async run() {
    // As abort(3): what is gathered of the output is lost. process.abort would print a stack of its own.
    process.kill(process.pid, "SIGABRT");
  },
};
