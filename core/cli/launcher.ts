// The file that a person starts: runs the program beside it from the bytecode that the build made of it. To parse and
// compile the program anew each time would take longer than most commands (scripts/build/commandLine.mjs).
import { readFileSync } from "node:fs";
import * as path from "node:path";
import { constants, Script } from "node:vm";

/** Of the program and its bytecode, which belong together. */
declare const __PROGRAM_STAMP__: string;

const file = path.join(__dirname, `program-${__PROGRAM_STAMP__}.js`);

/** undefined where there is none. That of another version of Node is refused by V8, which then compiles as usual. */
function bytecode(): Buffer | undefined {
  try {
    return readFileSync(`${file}.cache`);
  } catch {
    return undefined;
  }
}

const cachedData = bytecode();
// All ASCII, by the build. scripts/build/bytecode.mjs has the same options.
const program = new Script(readFileSync(file, "latin1"), {
  filename: file,
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  ...(cachedData && { cachedData }),
});
program.runInThisContext().call(exports, exports, require, module, __filename, __dirname);
