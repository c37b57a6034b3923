// For tests of the command line: builds it as the product does, runs it as a child process, and runs qemu-img as
// the peer that says what is right.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { describe } from "vitest";
import { nodeBuilds } from "../../../scripts/build/node.mjs";

const root = fileURLToPath(new URL("../../..", import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment of a child: what a person's shell has, without what slows Node's start. */
export function childEnv(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  return { ...env, ...more };
}

/** The built command line in a folder of its own, and a folder for images in which it runs. */
export class Cli {
  readonly folder: string;
  readonly script: string;

  private constructor(folder: string) {
    this.folder = fs.mkdtempSync(path.join(folder, "images-"));
    this.script = path.join(folder, "blkscope.js");
  }

  static async build(): Promise<Cli> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "blkscope-cli-"));
    const bundles = await nodeBuilds({ development: false });
    const own = bundles.find(({ outfile }) => outfile === "dist/cli/blkscope.js");
    if (own === undefined) throw new Error("there is no bundle of the command line");
    await build({ ...own, outfile: path.join(folder, "blkscope.js") });
    fs.writeFileSync(path.join(folder, "package.json"), '{"type":"commonjs"}');
    fs.symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"), "junction");
    const cli = new Cli(folder);
    // Tests may run it as another user.
    for (const open of [folder, cli.folder]) fs.chmodSync(open, 0o755);
    return cli;
  }

  /** `uid` is the user to run as; only root can choose. */
  run(args: readonly string[], env: Record<string, string> = {}, uid?: number): Ran {
    const child = spawnSync(process.execPath, [this.script, ...args], {
      cwd: this.folder,
      env: childEnv(env),
      ...(uid !== undefined && { uid }),
      encoding: "utf8",
      maxBuffer: 1 << 28,
    });
    return { code: child.status, signal: child.signal, stdout: child.stdout, stderr: child.stderr };
  }

  /** Runs the command line or a program of the peer with this on its standard input. */
  feed(
    program: "blkscope" | "qemu-io" | "qemu-img",
    args: readonly string[],
    input: string,
    env: Record<string, string> = {},
  ): Ran {
    const [file, first] = program === "blkscope" ? [process.execPath, [this.script]] : [program, []];
    const child = spawnSync(file, [...first, ...args], {
      cwd: this.folder,
      env: childEnv(env),
      encoding: "utf8",
      input,
      timeout: 60_000,
      maxBuffer: 1 << 28,
    });
    if (child.error !== undefined) throw child.error;
    return { code: child.status, signal: child.signal, stdout: child.stdout, stderr: child.stderr };
  }

  start(args: readonly string[]): ChildProcess {
    return spawn(process.execPath, [this.script, ...args], { cwd: this.folder, env: childEnv() });
  }

  /** A shell line in which $BLKSCOPE is the command. */
  shell(line: string): Ran {
    const child = spawnSync("bash", ["-c", line], {
      cwd: this.folder,
      env: childEnv({ BLKSCOPE: `${process.execPath} ${this.script}` }),
      encoding: "utf8",
      maxBuffer: 1 << 28,
    });
    return { code: child.status, signal: child.signal, stdout: child.stdout, stderr: child.stderr };
  }

  path(name: string): string {
    return path.join(this.folder, name);
  }

  write(name: string, bytes: Uint8Array | string): string {
    fs.mkdirSync(path.dirname(this.path(name)), { recursive: true });
    fs.writeFileSync(this.path(name), bytes);
    return name;
  }

  /** A sparse file. */
  sparse(name: string, size: number, at: Readonly<Record<number, Uint8Array | string>> = {}): string {
    const fd = fs.openSync(this.path(name), "w");
    fs.ftruncateSync(fd, size);
    for (const [offset, bytes] of Object.entries(at)) {
      const data = Buffer.from(bytes);
      fs.writeSync(fd, data, 0, data.length, Number(offset));
    }
    fs.closeSync(fd);
    return name;
  }

  qemuImg(...args: string[]): Ran {
    return this.#peer("qemu-img", args);
  }

  qemuIo(...args: string[]): Ran {
    return this.#peer("qemu-io", args);
  }

  remove(): void {
    fs.rmSync(path.dirname(this.folder), { recursive: true, force: true });
  }

  #peer(tool: string, args: readonly string[]): Ran {
    const child = spawnSync(tool, args, {
      cwd: this.folder,
      encoding: "utf8",
      maxBuffer: 1 << 28,
      timeout: 60_000,
    });
    if (child.error !== undefined) throw child.error;
    return { code: child.status, signal: child.signal, stdout: child.stdout, stderr: child.stderr };
  }
}

/** Tests against qemu-img: skipped aloud where it is missing, a failure in CI. */
export const describeWithQemu = (() => {
  if (spawnSync("qemu-img", ["--version"]).status === 0) return describe;
  if (process.env.CI) throw new Error("qemu-img is missing; the set-up installs qemu-utils");
  console.warn("SKIPPED: tests against qemu-img, which is not installed (package qemu-utils)");
  return describe.skip;
})();
