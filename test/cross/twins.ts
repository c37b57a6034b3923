// Runs one command of qemu-img and of the program that stands in for it, in folders that hold the same images.
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { expect } from "vitest";
import { type Cli, childEnv } from "../core/cli/support.ts";

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Images that are new or changed. */
  readonly changed: readonly string[];
}

/** Folders of images for both programs, made anew from `source` for each command. */
export class Twins {
  readonly #cli: Cli;
  readonly #source: string;

  /** `source` holds the images to begin with. */
  constructor(cli: Cli, source: string) {
    this.#cli = cli;
    this.#source = source;
  }

  folder(who: "peer" | "own"): string {
    return path.join(this.#cli.folder, `twin-${who}`);
  }

  /** Everything printed, the exit codes and the contents of every image must be the same. */
  expectEqual(args: readonly string[]): void {
    const own = this.run("own", args);
    const peer = this.run("peer", args);
    expect(own).toEqual(peer);
    for (const name of peer.changed) {
      const images = [path.join(this.folder("peer"), name), path.join(this.folder("own"), name)] as const;
      if (fs.statSync(images[0]).size === 0) expect(fs.statSync(images[1]).size).toBe(0);
      else
        expect(spawnSync("qemu-img", ["compare", ...images], { encoding: "utf8" }).stdout).toBe(
          "Images are identical.\n",
        );
      const blocks = images.map((image) => fs.statSync(image).blocks) as [number, number];
      // Of 512 bytes: a block of the file system more or less.
      expect(Math.abs(blocks[0] - blocks[1])).toBeLessThanOrEqual(8);
    }
  }

  run(who: "peer" | "own", args: readonly string[]): Outcome {
    const folder = this.folder(who);
    fs.rmSync(folder, { recursive: true, force: true });
    execFileSync("cp", ["-r", "--sparse=always", this.#source, folder]);
    const before = this.#list(folder);
    const [program, first] = who === "peer" ? ["qemu-img", []] : [process.execPath, [this.#cli.script]];
    const child = spawnSync(program as string, [...(first as string[]), ...args], {
      cwd: folder,
      env: childEnv(who === "own" ? { BLKSCOPE_AS: "qemu-img" } : {}),
      encoding: "utf8",
      timeout: 60_000,
    });
    const after = this.#list(folder);
    const changed = [...after].filter(([name, state]) => before.get(name) !== state).map(([name]) => name);
    return { code: child.status, stdout: child.stdout, stderr: child.stderr, changed };
  }

  /** Files and what changes when one is written. */
  #list(folder: string): Map<string, string> {
    const files = fs.readdirSync(folder).filter((name) => fs.statSync(path.join(folder, name)).isFile());
    return new Map(
      files.map((name) => {
        const { size, mtimeMs, ino } = fs.statSync(path.join(folder, name));
        return [name, `${size} ${mtimeMs} ${ino}`];
      }),
    );
  }
}

/** Images that the tables of map, dd and convert speak of. */
export function makeImages(cli: Cli): string {
  const folder = cli.path("source");
  fs.mkdirSync(path.join(folder, "d"), { recursive: true });
  const peer = (program: string, ...args: string[]) =>
    execFileSync(program, args, { cwd: folder, stdio: "pipe" });
  const create = (...args: string[]) => peer("qemu-img", "create", "-q", ...args);
  const write = (format: string, image: string, ...commands: string[]) =>
    peer("qemu-io", "-f", format, ...commands.flatMap((command) => ["-c", command]), image);
  create("-f", "raw", "a.raw", "1000448");
  write("raw", "a.raw", "write -P 1 0 64k", "write -P 2 300k 100k");
  create("-f", "raw", "base.raw", "1M");
  write("raw", "base.raw", "write -P 1 64k 64k", "write -P 1 256k 64k");
  create("-f", "raw", "sparse.raw", "2M");
  write("raw", "sparse.raw", "write -P 9 1M 64k");
  create("-f", "raw", "filled.raw", "4M");
  write("raw", "filled.raw", "write -P 9 0 4M");
  create("-f", "qed", "-b", "base.raw", "-F", "raw", "o.qed", "2M");
  write("qed", "o.qed", "write -P 1 0 64k", "write -P 0 192k 64k", "write -z 512k 64k");
  create("-f", "qed", "-b", "../o.qed", "-F", "qed", "d/o2.qed", "3M");
  write("qed", "d/o2.qed", "write -P 1 2M 64k");
  create("-f", "qed", "e.qed", "1M");
  fs.writeFileSync(path.join(folder, "empty.raw"), "");
  // A file that is not whole sectors long, with data at both ends.
  const odd = fs.openSync(path.join(folder, "odd.raw"), "w");
  fs.writeSync(odd, "x", 0);
  fs.writeSync(odd, "yyyy", 999_996);
  fs.closeSync(odd);
  // L1[0] leads to the L2 table, whose entry 1 is made to point past the end of the file.
  const bytes = fs.readFileSync(path.join(folder, "o.qed"));
  const l2 = Number(bytes.readBigUInt64LE(Number(bytes.readBigUInt64LE(40))));
  bytes.writeBigUInt64LE(0x7fff0000n, l2 + 8);
  fs.writeFileSync(path.join(folder, "bad.qed"), bytes);
  return folder;
}
