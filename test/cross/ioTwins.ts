// The same io script through qemu-io and through our program in its place, each on a copy of the same images.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { expect } from "vitest";
import { type Cli, childEnv } from "../core/cli/support.ts";

export interface IoRun {
  readonly code: number | null;
  readonly signal: string | null;
  /** Without what depends on the machine's speed. */
  readonly stdout: string;
  readonly stderr: string;
}

export class IoTwins {
  readonly #cli: Cli;
  readonly #source: string;

  /** `source` is the folder of the images to begin with. */
  constructor(cli: Cli, source: string) {
    this.#cli = cli;
    this.#source = source;
  }

  /** Words of a shell line, single quotes hold some together; commands of the session follow, one each. */
  same(line: string, ...commands: readonly string[]): IoRun {
    const { own, peer } = this.both(line, ...commands);
    expect(own).toEqual(peer);
    this.sameImages();
    return own;
  }

  both(line: string, ...commands: readonly string[]): { own: IoRun; peer: IoRun } {
    const args = [...wordsOf(line), ...commands.flatMap((command) => ["-c", command])];
    return { peer: this.run("peer", args), own: this.run("own", args) };
  }

  run(who: "peer" | "own", args: readonly string[], program: "qemu-io" | "qemu-img" = "qemu-io"): IoRun {
    const folder = this.folder(who);
    fs.rmSync(folder, { recursive: true, force: true });
    fs.cpSync(this.#source, folder, { recursive: true });
    const [file, first] = who === "peer" ? [program, []] : [process.execPath, [this.#cli.script]];
    const child = spawnSync(file, [...first, ...args], {
      cwd: folder,
      env: childEnv({ LC_ALL: "C", ...(who === "own" && { BLKSCOPE_AS: program }) }),
      encoding: "utf8",
      timeout: 60_000,
    });
    if (child.error !== undefined) throw child.error;
    const { status, signal, stderr } = child;
    return { code: status, signal, stdout: withoutTimes(child.stdout), stderr };
  }

  folder(who: "peer" | "own"): string {
    return path.join(this.#cli.folder, `io-${who}`);
  }

  bytes(who: "peer" | "own", name: string): Uint8Array {
    return fs.readFileSync(path.join(this.folder(who), name));
  }

  /** Both left the same bytes in every file. */
  sameImages(...except: readonly string[]): void {
    const names = fs.readdirSync(this.folder("peer")).filter((name) => !except.includes(name));
    const differing = names.filter(
      (name) => Buffer.compare(this.bytes("own", name), this.bytes("peer", name)) !== 0,
    );
    expect(differing).toEqual([]);
  }
}

export function wordsOf(line: string): string[] {
  return (line.match(/'[^']*'|[^ ]+/g) ?? []).map((word) => word.replace(/^'(.*)'$/, "$1"));
}

function withoutTimes(text: string): string {
  return text.replace(/ops; (\d\d\.\d\d sec|\d+:\d\d:\d\d\.\d\d) \(.*ops\/sec\)/g, "ops; TIME");
}
