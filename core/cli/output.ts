// Text to stdout and stderr. Writes block until the other end has taken the text, so that a slow reader slows
// us down instead of filling our memory. A reader that has gone away ends the program without a word.
import { writeSync } from "node:fs";
import type { BlockErrorContext } from "../base/errors.ts";
import { CliError } from "./command.ts";
import { inPlaceOfPeer, persona } from "./persona.ts";

/** Characters gathered before they are written. */
const bufferLength = 64 * 1024;
/** 128 + SIGPIPE: what a shell sees of any program whose reader has gone. */
const brokenPipeExit = 141;
/** Wait before a pipe that is full and does not block is tried again, milliseconds. */
const retryMs = 2;

export class Output {
  readonly #fd: number;
  #text = "";

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(text: string): void {
    this.#text += text;
    if (this.#text.length >= bufferLength) this.flush();
  }

  line(text: string): void {
    this.write(`${text}\n`);
  }

  flush(): void {
    if (this.#text === "") return;
    let rest = Buffer.from(this.#text);
    this.#text = "";
    while (rest.length > 0) rest = rest.subarray(this.#writeSome(rest));
  }

  #writeSome(bytes: Buffer): number {
    try {
      return writeSync(this.#fd, bytes);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === "EAGAIN") {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, retryMs);
        return 0;
      }
      // With stderr gone there is nobody left to tell.
      if (code === "EPIPE" || this.#fd === 2) process.exit(brokenPipeExit);
      throw new CliError(`Could not write the output: ${message}`, 2);
    }
  }
}

export const stdout = new Output(1);
export const stderr = new Output(2);

/**
 * The error's line and its hint, in the form every command uses: a CliError, a BlockError, or anything thrown.
 * In place of the peer its words are printed, and no hints but those it has itself.
 */
export function printError(error: unknown): void {
  flushBeforeStderr();
  const { before = [], message, hint } = wordsOf(error);
  for (const line of [...before, message]) stderr.line(`${persona}: ${printable(line)}`);
  if (hint !== undefined && hint !== "") for (const line of hint.split("\n")) stderr.line(printable(line));
  stderr.flush();
}

/** A line on stderr as it is. */
export function printErrorLine(text: string): void {
  flushBeforeStderr();
  stderr.line(text);
  stderr.flush();
}

/**
 * What was printed before comes first, but not where we stand in for the peer and stdout is no terminal: its stdout is
 * gathered until the end or the next prompt, and scripts compare both as one stream.
 */
function flushBeforeStderr(): void {
  if (!inPlaceOfPeer || process.stdout.isTTY) stdout.flush();
}

/** Warnings and notes; the peer has them in the same form. One that says WARNING itself stands alone, as there. */
export function printWarning(message: string): void {
  flushBeforeStderr();
  for (const [i, line] of message.split("\n").entries()) {
    stderr.line(`${i === 0 ? warningPrefix(line) : ""}${printable(line)}`);
  }
  stderr.flush();
}

/** The peer calls some of them errors, and some come from parts of it that don't know which program they are in. */
function warningPrefix(line: string): string {
  if (line.startsWith("WARNING: ")) return "";
  if (inPlaceOfPeer && /^qcow2: .*image (as|is) corrupt/i.test(line)) return "";
  return inPlaceOfPeer && line.startsWith("Failed to ") ? `${persona}: ` : `${persona}: warning: `;
}

export interface Words {
  /** Lines of the peer's before it. */
  readonly before?: readonly string[] | undefined;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** What is printed of a thrown value: our words, or the peer's where the program stands in for it. */
export function wordsOf(error: unknown): Words {
  const {
    message = String(error),
    hint,
    peerHint,
    context,
  } = error as Partial<CliError> & {
    context?: BlockErrorContext;
  };
  if (!inPlaceOfPeer) return { message, hint: hint ?? context?.hint };
  const peer = context?.peer;
  return { before: peer?.before, message: peer?.message ?? message, hint: peerHint ?? peer?.hint };
}

/**
 * The text with control characters written as escapes. Names come from hostile images and file systems; a
 * terminal must not obey them, and a line must stay one line.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return "\\t";
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

/**
 * The value as JSON, with every character escaped that a terminal obeys or that reorders text. JSON.stringify
 * does so below U+0020 only.
 */
export function jsonText(value: object, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent);
  return text.replace(/[\u007f-\u009f\u2028\u2029\p{Cf}]/gu, (character) =>
    // By halves of surrogate pairs, as JSON has it.
    character
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}
