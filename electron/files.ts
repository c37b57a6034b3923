// Files as capabilities: main keeps the paths a person chose and gives the page a token for each. A token is
// worth something in this run of the app only.
import { randomUUID } from "node:crypto";
import * as path from "node:path";
import { BlockError } from "../core/base/errors.ts";
import type { FileRef } from "./ipc/contract.ts";

export class FileTokens {
  readonly #pathOf = new Map<string, string>();
  readonly #refOf = new Map<string, FileRef>();

  /** The reference of a file by absolute path; the same path always has the same one. */
  refOf(file: string): FileRef {
    const absolute = path.resolve(file);
    const known = this.#refOf.get(absolute);
    if (known !== undefined) return known;
    const ref: FileRef = {
      token: randomUUID(),
      name: displayText(path.basename(absolute) || absolute),
      folder: displayText(path.dirname(absolute)),
    };
    this.#refOf.set(absolute, ref);
    this.#pathOf.set(ref.token, absolute);
    return ref;
  }

  /** The path a token stands for. Throws BlockError EINVAL for a token main never gave. */
  pathOf(token: string): string {
    const found = this.#pathOf.get(token);
    if (found === undefined) {
      throw new BlockError("EINVAL", "the file is not known to this run of the app", {
        hint: "Choose the file again.",
      });
    }
    return found;
  }
}

/** Longest path taken from a drop, in characters; systems allow 4096 bytes or 32,767 characters. */
const longestPath = 32_767;

/** The path of a dropped file as the preload script sent it. Throws BlockError EINVAL if it is none. */
export function checkedPath(sent: unknown): string {
  if (
    typeof sent === "string" &&
    sent.length <= longestPath &&
    !sent.includes("\0") &&
    path.isAbsolute(sent)
  ) {
    return sent;
  }
  throw new BlockError("EINVAL", "what was dropped is not a file on this computer");
}

/**
 * A name as it can be shown on one line: control characters escaped in ASCII (pictures of them are missing in
 * common fonts), characters that reorder the text around them and halves of surrogate pairs as U+FFFD.
 */
export function displayText(name: string): string {
  return Array.from(name, (character) => shown(character.codePointAt(0) ?? 0) ?? character).join("");
}

const escapes: Readonly<Record<number, string>> = { 9: "\\t", 10: "\\n", 13: "\\r" };

/** What stands for a character that cannot be shown; undefined where it can. */
function shown(code: number): string | undefined {
  if (code < 0x20 || code === 0x7f) return escapes[code] ?? `\\x${code.toString(16).padStart(2, "0")}`;
  const hidden =
    (code >= 0x80 && code <= 0x9f) || // C1 controls
    (code >= 0x200e && code <= 0x200f) || // direction marks
    code === 0x061c ||
    (code >= 0x2028 && code <= 0x202e) || // line and paragraph separators, embeddings and overrides
    (code >= 0x2066 && code <= 0x2069) || // isolates
    (code >= 0xd800 && code <= 0xdfff); // half of a pair: Array.from keeps whole pairs together
  return hidden ? "\ufffd" : undefined;
}
