// Makes the command line start faster: the bundle becomes a program beside a small launcher, and V8's bytecode of it
// is kept, made by a run of common commands. Whoever starts it with another version of Node than the build's, or without
// that file, has the same program, only compiled anew.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { inRoot } from "../setup/paths.mjs";
import { say } from "../setup/say.mjs";

/**
 * What these run is compiled beforehand, in this order and in one empty folder.
 * @type {readonly (readonly string[])[]}
 */
const warmUps = [
  ["--version"],
  ["create", "-f", "qed", "a.qed", "16M"],
  ["io", "-f", "qed", "-c", "write -P 1 0 1M", "-c", "read 0 64k", "a.qed"],
  ["convert", "-f", "qed", "-O", "raw", "a.qed", "a.raw"],
  ["convert", "-f", "raw", "-O", "qed", "a.raw", "b.qed"],
  ["info", "a.qed"],
  ["info", "--output", "json", "a.qed"],
  ["check", "a.qed"],
  ["map", "a.qed"],
  ["map", "--kinds", "a.qed"],
  ["compare", "a.qed", "a.raw"],
];

/**
 * Turns the bundle `blkscope.js` in `folder` into launcher, program and bytecode.
 * @param {string} folder
 */
export async function makeLaunchable(folder) {
  const bundle = join(folder, "blkscope.js");
  const text = (await readFile(bundle, "latin1")).replace(/^#!.*\n/, "");
  // In the names, so that launcher, program and bytecode are never those of different builds.
  const stamp = createHash("sha256").update(text).digest("hex").slice(0, 12);
  for (const old of await readdir(folder)) if (old.startsWith("program-")) await rm(join(folder, old));
  const program = join(folder, `program-${stamp}.js`);
  // As Node wraps a module itself: the launcher calls it with what it was called with.
  const wrapped = `(function (exports, require, module, __filename, __dirname) {${text}\n})`;
  await writeFile(program, wrapped, "latin1");
  await writeLauncher(bundle, stamp);
  await writeBytecode(program).catch((error) => {
    say(`build: the command line starts slower: its bytecode could not be made: ${error.stderr || error}`);
  });
}

async function writeLauncher(/** @type {string} */ file, /** @type {string} */ stamp) {
  const { build } = await import("esbuild");
  await build({
    absWorkingDir: inRoot(),
    entryPoints: ["core/cli/launcher.ts"],
    outfile: `${file}.new`,
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node20.18",
    define: { __PROGRAM_STAMP__: JSON.stringify(stamp) },
    banner: { js: "#!/usr/bin/env node" },
    minify: true,
    logLevel: "silent",
  });
  await chmod(`${file}.new`, 0o755);
  await rename(`${file}.new`, file);
}

async function writeBytecode(/** @type {string} */ program) {
  const folder = await mkdtemp(join(tmpdir(), "blkscope-build-"));
  try {
    // Options of Node and of V8 that another start would not have make the bytecode worthless for it.
    const { NODE_OPTIONS: _, NODE_V8_COVERAGE: __, ...env } = process.env;
    const args = [inRoot("scripts/build/bytecode.mjs"), program, JSON.stringify(warmUps)];
    await promisify(execFile)(process.execPath, args, { cwd: folder, env: { ...env, BLKSCOPE_AS: "" } });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
