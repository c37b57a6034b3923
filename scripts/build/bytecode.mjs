// node bytecode.mjs PROGRAM COMMANDS: runs the commands (JSON: a list of argument lists) one after the other in this
// process, then writes what V8 has compiled of the program beside it. In a process of its own: a command ends one.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import * as path from "node:path";
import { constants, Script } from "node:vm";

const [node = "", , file = "", commands = "[]"] = process.argv;
// The same options as in core/cli/launcher.ts.
const script = new Script(readFileSync(file, "latin1"), {
  filename: file,
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});
const folder = path.dirname(file);
const launcher = path.join(folder, "blkscope.js");
const end = process.exit;

/** Runs a command and answers its exit code. */
function run(/** @type {readonly string[]} */ args) {
  return new Promise((resolve) => {
    process.argv = [node, launcher, ...args];
    process.exit = /** @type {typeof process.exit} */ (resolve);
    const module = { exports: {} };
    const program = script.runInThisContext();
    program.call(module.exports, module.exports, createRequire(launcher), module, launcher, folder);
  });
}

try {
  for (const args of JSON.parse(commands)) {
    const code = await run(args);
    if (code !== 0) throw new Error(`${args.join(" ")}: exit code ${code}`);
  }
  writeFileSync(`${file}.cache.new`, script.createCachedData());
  renameSync(`${file}.cache.new`, `${file}.cache`);
  end(0);
} catch (error) {
  console.error(error);
  end(1);
}
