// Corruption noticed while an image is open for writing: the corrupt bit is set, one line says why, and the image is not
// used again until it is opened anew, so that damage does not spread. Specification: qcow2, "incompatible_features", bit 1.
import { BlockError } from "../../../base/errors.ts";
import { incompatible } from "../layout.ts";
import type { HeaderFile } from "./headerFile.ts";

/** The system's number of "no medium found", which the peer answers from then on. */
const noMedium = 123;

export interface Place {
  readonly offset: number;
  readonly length: number;
}

export class Corruption {
  readonly #header: HeaderFile;
  readonly #warn: (message: string) => void;
  #isFatal = false;
  #isKnown = false;

  constructor(header: HeaderFile, warn: (message: string) => void) {
    this.#header = header;
    this.#warn = warn;
  }

  get isFatal(): boolean {
    return this.#isFatal;
  }

  /** Throws EIO once the image is not to be used any more. */
  expectUsable(): void {
    if (!this.#isFatal) return;
    throw new BlockError("EIO", "The image was found to be corrupt and is not used any more", {
      errno: noMedium,
      hint: "Close it and repair it: blkscope check -r all.",
      peer: { message: "No medium found" },
    });
  }

  /** Marks the image, and gives the error to throw. `words` are the peer's. */
  async fatal(words: string, place: Place | undefined): Promise<BlockError> {
    if (!this.#isFatal) {
      this.#isFatal = true;
      this.#warn(`qcow2: Marking image as corrupt: ${words}; further corruption events will be suppressed`);
      await this.#mark();
    }
    return new BlockError("EIO", `The image is corrupt: ${words}`, {
      ...place,
      hint: "It is marked as corrupt and was not changed further. Repair it: blkscope check -r all.",
      peer: { message: "Input/output error" },
    });
  }

  /** What is wrong but hurts nothing is said once. */
  note(words: string): void {
    if (this.#isKnown || this.#isFatal) return;
    this.#isKnown = true;
    this.#warn(`qcow2: Image is corrupt: ${words}; further non-fatal corruption events will be suppressed`);
  }

  /** Version 2 has no such bit; and where the file can't be written, the error itself has to do. */
  async #mark(): Promise<void> {
    try {
      const features = this.#header.header.incompatible | incompatible.corrupt;
      await this.#header.change({ incompatible: features });
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
    }
  }
}
