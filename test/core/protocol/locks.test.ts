import * as fs from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { libc } from "../../../core/protocol/libc.ts";
import { type Claim, FileLocks, type LockingMode, type Permission } from "../../../core/protocol/locks.ts";
import { failureOf } from "../../build/open.ts";
import { tempFile } from "../../build/temp.ts";

const permissions: readonly Permission[] = ["consistent read", "write", "write unchanged", "resize"];

function opened(filename: string): number {
  const fd = fs.openSync(filename, "r+");
  onTestFinished(() => {
    try {
      fs.closeSync(fd);
    } catch {
      // The test has closed it.
    }
  });
  return fd;
}

function locksOf(fd: number, mode: LockingMode = "auto"): FileLocks {
  return new FileLocks(fd, "disk.raw", mode, { path: "/images/disk.raw" });
}

function refusal(locks: FileLocks, claim: Claim) {
  return failureOf((async () => locks.take(claim))());
}

/** Locks one byte for this descriptor alone: struct flock with F_WRLCK (1), SEEK_SET (0), start, length 1. */
function lockAlone(fd: number, byte: number): void {
  const memory = new ArrayBuffer(32);
  new Int16Array(memory)[0] = 1;
  new BigInt64Array(memory)[1] = BigInt(byte);
  new BigInt64Array(memory)[2] = 1n;
  expect(libc()?.fcntlLock?.(fd, 37, new Uint8Array(memory))).toBe(0);
}

describe.skipIf(process.platform !== "linux")("claims on a file", () => {
  it("conflict when one does what the other excludes, and only then", () => {
    const filename = tempFile("disk.raw", new Uint8Array(512));
    const subsets = [
      [],
      ...permissions.map((one) => [one]),
      ["consistent read", "write", "resize"],
    ] as Permission[][];
    for (const firstUses of subsets) {
      for (const firstExcludes of subsets) {
        for (const uses of subsets) {
          for (const excludes of subsets) {
            const [first, second] = [fs.openSync(filename, "r+"), fs.openSync(filename, "r+")];
            locksOf(first).take({ uses: firstUses, excludes: firstExcludes });
            const conflict =
              uses.some((one) => firstExcludes.includes(one)) ||
              excludes.some((one) => firstUses.includes(one));
            let refused = false;
            try {
              locksOf(second).take({ uses, excludes });
            } catch {
              refused = true;
            }
            expect(refused, JSON.stringify({ firstUses, firstExcludes, uses, excludes })).toBe(conflict);
            fs.closeSync(first);
            fs.closeSync(second);
          }
        }
      }
    }
  });

  it("never conflict with those of the same open file", () => {
    const locks = locksOf(opened(tempFile("disk.raw", new Uint8Array(512))));
    const all = { uses: permissions, excludes: permissions };
    locks.take(all);
    locks.take(all);
  });

  it("go when the file is closed", async () => {
    const filename = tempFile("disk.raw", new Uint8Array(512));
    const claim: Claim = { uses: ["write"], excludes: ["write"] };
    const fd = opened(filename);
    locksOf(fd).take(claim);
    expect((await refusal(locksOf(opened(filename)), claim)).code).toBe("EBUSY");
    fs.closeSync(fd);
    locksOf(opened(filename)).take(claim);
  });

  it("say who is in the way, with the file's name as it was given", async () => {
    const filename = tempFile("disk.raw", new Uint8Array(512));
    locksOf(opened(filename)).take({ uses: ["resize"], excludes: ["consistent read"] });
    const hint = "Is another process using the image [disk.raw]?";
    expect(
      await refusal(locksOf(opened(filename)), { uses: ["consistent read"], excludes: [] }),
    ).toMatchObject({
      code: "EBUSY",
      message: "'disk.raw' is in use: another program does not let it be read meanwhile",
      context: { path: "/images/disk.raw", peer: { message: 'Failed to get "consistent read" lock', hint } },
    });
    expect(await refusal(locksOf(opened(filename)), { uses: [], excludes: ["resize"] })).toMatchObject({
      code: "EBUSY",
      message: "'disk.raw' is in use: another program has it open for writing",
      context: { peer: { message: 'Failed to get shared "resize" lock', hint } },
    });
  });

  it("say that somebody else has locked the file for itself", async () => {
    const filename = tempFile("disk.raw", new Uint8Array(512));
    lockAlone(opened(filename), 100);
    expect(
      await refusal(locksOf(opened(filename)), { uses: ["consistent read"], excludes: [] }),
    ).toMatchObject({
      code: "EBUSY",
      message: "'disk.raw' is in use: another program has locked it",
    });
    // Nobody else's lock matters to who wants none.
    locksOf(opened(filename), "off").take({ uses: permissions, excludes: permissions });
  });

  it("fail for a file that is closed, rather than pass for locked", async () => {
    const fd = opened(tempFile("disk.raw", new Uint8Array(512)));
    fs.closeSync(fd);
    expect(await refusal(locksOf(fd), { uses: ["write"], excludes: [] })).toMatchObject({
      code: "EIO",
      message: expect.stringContaining("Could not lock 'disk.raw'"),
    });
  });
});
