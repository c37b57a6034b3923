// One list of commands run through qemu-img and through our program in its place, in twin folders: what they print,
// their exit codes and the images they leave must be the same.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { expect } from "vitest";
import { type Cli, childEnv } from "../core/cli/support.ts";

export interface TwinRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Twins {
  readonly peerFolder: string;
  readonly ownFolder: string;
  readonly #script: string;

  constructor(cli: Cli) {
    this.peerFolder = cli.path("peer");
    this.ownFolder = cli.path("own");
    this.#script = cli.script;
    for (const folder of [this.peerFolder, this.ownFolder]) fs.mkdirSync(folder, { recursive: true });
  }

  /** Prepares both folders with stock programs. */
  prepare(program: string, ...args: readonly string[]): void {
    for (const cwd of [this.peerFolder, this.ownFolder]) {
      const child = spawnSync(program, args, { cwd, encoding: "utf8" });
      expect({ args, code: child.status, stderr: child.stderr }).toMatchObject({ code: 0 });
    }
  }

  /** Both must print and end alike; gives what ours did. `mask` makes alike what may differ. */
  same(args: readonly string[], mask: (text: string) => string = (text) => text): TwinRun {
    const env = childEnv({ LC_ALL: "C", BLKSCOPE_AS: "qemu-img" });
    const peer = spawnSync("qemu-img", args, { cwd: this.peerFolder, encoding: "utf8", env });
    const own = spawnSync(process.execPath, [this.#script, ...args], {
      cwd: this.ownFolder,
      encoding: "utf8",
      env,
    });
    const shown = ({ status, stdout, stderr }: typeof own) => ({
      args,
      code: status,
      stdout: mask(stdout),
      // The peer's last hint lacks its line end.
      stderr: mask(stderr).replace(/\n$/, ""),
    });
    expect(shown(own)).toEqual(shown(peer));
    return { code: own.status, stdout: own.stdout, stderr: own.stderr };
  }

  /** What a guest reads from our copy of the image, as the stock program says: a digest. */
  contents(name: string): string {
    const raw = path.join(this.ownFolder, "contents.raw");
    const child = spawnSync("qemu-img", ["convert", "-O", "raw", name, raw], {
      cwd: this.ownFolder,
      encoding: "utf8",
    });
    expect({ name, code: child.status, stderr: child.stderr }).toEqual({ name, code: 0, stderr: "" });
    return createHash("sha256").update(fs.readFileSync(raw)).digest("hex");
  }

  /** Both programs left the same bytes in the file, or no file. */
  sameBytes(name: string): void {
    const read = (folder: string) => {
      const file = path.join(folder, name);
      return fs.existsSync(file) ? fs.readFileSync(file) : undefined;
    };
    const [peer, own] = [read(this.peerFolder), read(this.ownFolder)];
    expect({ name, size: own?.length }).toEqual({ name, size: peer?.length });
    expect(peer === undefined || own?.equals(peer) === true).toBe(true);
  }
}

/** A line as in a shell, in which single quotes hold words together. */
export function words(line: string): string[] {
  return (line.match(/'[^']*'|[^ ]+/g) ?? []).map((word) => word.replace(/^'(.*)'$/, "$1"));
}
