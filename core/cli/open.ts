// `blkscope open`: shows images in the app, each in its own tab.
import { defineCommand, UsageError } from "./command.ts";

const help = `Usage: blkscope open FILE...

Opens images in the app, each in a tab of its own, and returns at once. An app that is running takes them over.

Options:
  -h, --help  show this text

Environment:
  BLKSCOPE_APP  the app's executable, where it is not beside this command

Exit codes:
  0  the app was started
  1  wrong usage, a file that cannot be opened, or no app

Examples:
  blkscope open disk.qed
  blkscope open a.qed b.qed c.raw`;

export const open = defineCommand({
  help,
  options: {},
  failure: 1,
  async run({ operands }) {
    if (operands.length === 0) throw new UsageError("Expecting at least one image file name");
    const { showInApp } = await import("./app.ts");
    await showInApp("hex", operands);
    return 0;
  },
});
