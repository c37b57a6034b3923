// `blkscope diff`: shows two images side by side in the app.
import { appVariable } from "./appVariable.ts";
import { defineCommand, UsageError } from "./command.ts";

export const diff = defineCommand({
  usage: ["FILE1 FILE2"],
  description: `Opens two images side by side in the app, with every mismatched sector, and returns at once. For the
same in the terminal: blkscope compare --all FILE1 FILE2.`,
  options: {},
  sections: [{ title: "Environment", text: appVariable }],
  exits: [
    [0, "the app was started (whether the images differ is not known yet)"],
    [1, "wrong usage, a file that cannot be opened, or no app"],
  ],
  examples: ["diff disk.qed disk.raw"],
  opensNothing: true,
  failure: 1,
  async run({ operands }) {
    if (operands.length !== 2) throw new UsageError("Expecting two image file names");
    const { showInApp } = await import("./app.ts");
    await showInApp("compare", operands);
    return 0;
  },
});
