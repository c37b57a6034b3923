// `blkscope diff`: shows two images side by side in the app.
import { defineCommand, UsageError } from "./command.ts";

const help = `Usage: blkscope diff FILE1 FILE2

Opens two images side by side in the app, with every mismatched sector, and returns at once. For the same in the
terminal: blkscope compare --all FILE1 FILE2.

Options:
  -h, --help  show this text

Environment:
  BLKSCOPE_APP  the app's executable, where it is not beside this command

Exit codes:
  0  the app was started (whether the images differ is not known yet)
  1  wrong usage, a file that cannot be opened, or no app

Example:
  blkscope diff disk.qed disk.raw`;

export const diff = defineCommand({
  help,
  options: {},
  failure: 1,
  async run({ operands }) {
    if (operands.length !== 2) throw new UsageError("Expecting two image file names");
    const { showInApp } = await import("./app.ts");
    await showInApp("compare", operands);
    return 0;
  },
});
