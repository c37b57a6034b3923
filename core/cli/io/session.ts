// One run of the exerciser: the open image, the requests in flight, and the commands as they come, one line each.
import { asBlockError, BlockError } from "../../base/errors.ts";
import { stoppedByMismatch } from "../events.ts";
import { printable, printErrorLine, stdout, wordsOf } from "../output.ts";
import { inPlaceOfPeer, persona } from "../persona.ts";
import { type IoCommand, usageLine } from "./command.ts";
import { CommandFailure, CommandMisuse, type FailureStream } from "./failure.ts";
import type { IoImage } from "./image.ts";
import { ioCommands } from "./table.ts";

/** Any time will do. */
const keepAliveMs = 60_000;

const byName = new Map<string, IoCommand>();
for (const command of ioCommands) {
  byName.set(command.name, command);
  if (command.alias !== undefined) byName.set(command.alias, command);
}

export function commandNamed(name: string): IoCommand | undefined {
  return byName.get(name);
}

export class Session {
  /** Names of images are lists of options. */
  readonly imageOpts: boolean;
  /** A command failed. */
  failed = false;
  #quit = false;
  #image: IoImage | undefined;
  readonly #inFlight = new Set<Promise<void>>();
  #interrupt = new AbortController();

  constructor(imageOpts: boolean) {
    this.imageOpts = imageOpts;
  }

  /** No more commands: quit, or a comparison of copies failed and that was to be the end. */
  get ended(): boolean {
    return this.#quit || stoppedByMismatch();
  }

  end(): void {
    this.#quit = true;
  }

  get hasImage(): boolean {
    return this.#image !== undefined;
  }

  get image(): IoImage {
    if (this.#image === undefined) throw new CommandFailure("err", "no file open, try 'help open'");
    return this.#image;
  }

  setImage(image: IoImage | undefined): void {
    this.#image = image;
  }

  /** Aborted when the person interrupts the command that runs. */
  get signal(): AbortSignal {
    return this.#interrupt.signal;
  }

  interrupt(): void {
    this.#interrupt.abort();
  }

  /**
   * Waits, at most until the person interrupts the command. Throws ECANCELED then. A request that is stopped at a
   * breakpoint keeps no timer or file busy: without one of our own Node would end the program in silence.
   */
  async unlessInterrupted<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    const alive = setInterval(() => undefined, keepAliveMs);
    const interrupted = new Promise<never>((_, reject) => {
      const cancel = () => reject(new BlockError("ECANCELED", "The command was interrupted"));
      signal.addEventListener("abort", cancel, { once: true });
    });
    try {
      return await Promise.race([work, interrupted]);
    } finally {
      clearInterval(alive);
    }
  }

  /** Lets a request go on while further commands run. It must not reject. */
  inBackground(request: Promise<void>): void {
    this.#inFlight.add(request);
    void request.finally(() => this.#inFlight.delete(request));
  }

  /** Resolves when nothing is in flight any more. */
  async drain(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  /** Closes the image after what is in flight. */
  async closeImage(): Promise<void> {
    await this.unlessInterrupted(this.drain());
    const image = this.#image;
    this.#image = undefined;
    try {
      await image?.close();
    } catch (error) {
      // The peer looks at no error of closing.
      if (!inPlaceOfPeer) throw error;
    }
  }

  /** Runs one line. What goes wrong is printed and remembered in `failed`. */
  async run(line: string): Promise<void> {
    const [name, ...args] = line.split(" ").filter((word) => word !== "");
    if (name === undefined) return;
    const command = commandNamed(name);
    if (command === undefined) {
      this.#fail("err", `command "${name}" not found`);
      return;
    }
    this.#interrupt = new AbortController();
    try {
      if (!command.withoutImage) void this.image;
      checkCount(command, name, args.length);
      if (command.writes && this.image.readOnly) {
        throw new CommandFailure("report", "Block node is read-only");
      }
      await command.run(this, args);
    } catch (error) {
      this.#explain(error, command);
    }
  }

  #explain(error: unknown, command: IoCommand): void {
    if (error instanceof CommandMisuse) {
      if (error.message !== "") printErrorLine(error.message);
      this.#fail("out", usageLine(command));
    } else if (error instanceof CommandFailure) {
      this.#fail(error.stream, error.message, error.hint);
    } else {
      const { message, hint } = wordsOf(asBlockError(error));
      this.#fail("report", message, hint);
    }
  }

  #fail(stream: FailureStream, message: string, hint?: string): void {
    this.failed = true;
    // Its line says it all.
    if (stoppedByMismatch() || stream === "none") return;
    if (stream === "out") stdout.line(message);
    else printErrorLine(stream === "report" ? `${persona}: ${printable(message)}` : printable(message));
    if (hint !== undefined) for (const line of hint.split("\n")) printErrorLine(printable(line));
  }
}

function checkCount({ min = 0, max = min }: IoCommand, name: string, count: number): void {
  if (count >= min && count <= max) return;
  const wanted =
    max === Number.POSITIVE_INFINITY
      ? `at least ${min}`
      : max === min
        ? `${min}`
        : `between ${min} and ${max}`;
  throw new CommandFailure("err", `bad argument count ${count} to ${name}, expected ${wanted} arguments`);
}
