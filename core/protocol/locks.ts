// QEMU's byte-range locks on image files, so that its programs and ours exclude each other. Each permission in use is
// announced by a shared lock on one byte, each one not granted to others by a shared lock on another; then a conflict
// is looked for with F_OFD_GETLK. The locks belong to the open file and go when it is closed, however that happens.
import { BlockError, type BlockErrorContext } from "../base/errors.ts";
import { libc, libcError } from "./libc.ts";
import { systemError } from "./systemError.ts";

/** What a user of a file does to it. The value is the permission's number in lock bytes. */
const permissions = { "consistent read": 0, write: 1, "write unchanged": 2, resize: 3 } as const;
export type Permission = keyof typeof permissions;

export interface Claim {
  /** What this user does. */
  readonly uses: readonly Permission[];
  /** What nobody else may do meanwhile. */
  readonly excludes: readonly Permission[];
}

/** Reads; others may write, as the peer has it for raw images. */
export const readingClaim: Claim = { uses: ["consistent read"], excludes: [] };
/** Reads tables that nobody may change meanwhile. */
export const steadyReadingClaim: Claim = { uses: ["consistent read"], excludes: ["write", "resize"] };
/** The only writer. */
export const writingClaim: Claim = {
  uses: ["consistent read", "write", "resize"],
  excludes: ["write", "resize"],
};
/** Empties the file and lays an image down. */
export const creatingClaim: Claim = { uses: ["write", "resize"], excludes: ["resize"] };

export type LockingMode = "auto" | "on" | "off";

/** Bytes 100 + n: permission n is in use. Bytes 200 + n: permission n is not granted. */
const usedBase = 100;
const excludedBase = 200;

const command = { get: 36, set: 37 };
const readLock = 0;
const writeLock = 1;
const unlocked = 2;

/** Errors that say that there are no such locks here: an old kernel, a file system without them. */
const unavailable = ["EINVAL", "ENOLCK", "ENOSYS", "EOPNOTSUPP", "ENOTSUP"];

export class FileLocks {
  readonly #fd: number;
  readonly #filename: string;
  readonly #mode: LockingMode;
  readonly #context: BlockErrorContext;
  /** Bytes this file has locks on. */
  readonly #held = new Set<number>();

  /** `filename` as the person gave it, for messages. */
  constructor(fd: number, filename: string, mode: LockingMode, context: BlockErrorContext) {
    this.#fd = fd;
    this.#filename = filename;
    this.#mode = mode;
    this.#context = context;
  }

  /**
   * Adds a claim to those held. Throws EBUSY when another program's conflicts with it; ENOTSUP when there are no such
   * locks here and the mode is `on`. What a claim that fails had locked is unlocked again.
   */
  take(claim: Claim): void {
    if (this.#mode === "off") return;
    const added: number[] = [];
    try {
      for (const permission of claim.uses) this.#hold(usedBase + permissions[permission], added);
      for (const permission of claim.excludes) this.#hold(excludedBase + permissions[permission], added);
      for (const permission of claim.uses) {
        if (this.#isHeld(excludedBase + permissions[permission])) throw this.#excluded(permission, claim);
      }
      for (const permission of claim.excludes) {
        if (this.#isHeld(usedBase + permissions[permission])) throw this.#inUse(permission, claim);
      }
    } catch (thrown) {
      this.#release(added);
      if (thrown instanceof BlockError) throw thrown;
      this.#failed(thrown, claim);
    }
  }

  /** Before conflicts are looked for, so that of two programs doing so at once at least one sees the other. */
  #hold(byte: number, added: number[]): void {
    if (this.#held.has(byte)) return;
    call(this.#fd, command.set, readLock, byte);
    this.#held.add(byte);
    added.push(byte);
  }

  #release(bytes: readonly number[]): void {
    for (const byte of bytes) {
      call(this.#fd, command.set, unlocked, byte);
      this.#held.delete(byte);
    }
  }

  /** By another open file: one's own locks never conflict. */
  #isHeld(byte: number): boolean {
    return call(this.#fd, command.get, writeLock, byte) !== unlocked;
  }

  #excluded(permission: Permission, claim: Claim): BlockError {
    const doing = permission === "consistent read" ? "read" : permission === "resize" ? "resized" : "written";
    const message = `'${this.#filename}' is in use: another program does not let it be ${doing} meanwhile`;
    return this.#busy(message, claim, `Failed to get "${permission}" lock`);
  }

  #inUse(permission: Permission, claim: Claim): BlockError {
    const message = `'${this.#filename}' is in use: another program has it open for writing`;
    return this.#busy(message, claim, `Failed to get shared "${permission}" lock`);
  }

  #busy(message: string, claim: Claim, peer: string): BlockError {
    const look = claim.uses.includes("write") ? "" : " To look at it as it is now, use --force-share (-U).";
    return new BlockError("EBUSY", message, {
      hint: `Close it in the other program, then try again.${look}`,
      ...this.#context,
      peer: { message: peer, hint: `Is another process using the image [${this.#filename}]?` },
    });
  }

  #failed(thrown: unknown, claim: Claim): void {
    const { code = "" } = thrown as NodeJS.ErrnoException;
    if (code === "EAGAIN" || code === "EACCES") {
      // A lock for itself alone, which the peer's programs never take.
      const message = `'${this.#filename}' is in use: another program has locked it`;
      throw this.#busy(message, claim, "Failed to lock byte");
    }
    if (!unavailable.includes(code)) {
      throw systemError(`Could not lock '${this.#filename}'`, thrown, this.#context);
    }
    if (this.#mode === "auto") return;
    throw new BlockError("ENOTSUP", `'${this.#filename}' can't be locked here, and locking=on asks for it`, {
      hint: "Leave locking at auto, and take care that no other program writes to the file.",
      ...this.#context,
    });
  }
}

/** One F_OFD_ call on one byte; gives the lock's type as the call left it. Throws with the system's code. */
function call(fd: number, what: number, type: number, byte: number): number {
  const system = libc();
  if (system?.fcntlLock === undefined) throw libcError("fcntl", enosys);
  // struct flock of 64-bit Linux: type and whence (16 bits each), padding, start and length (64 bits), pid, padding.
  const memory = new ArrayBuffer(32);
  const shorts = new Int16Array(memory);
  const longs = new BigInt64Array(memory);
  shorts[0] = type;
  longs[1] = BigInt(byte);
  longs[2] = 1n;
  if (system.fcntlLock(fd, what, new Uint8Array(memory)) !== 0) throw libcError("fcntl", system.errno());
  return shorts[0];
}

const enosys = 38;
