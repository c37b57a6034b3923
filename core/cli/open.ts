// `blkscope open`: shows images in the app, each in its own tab.
import { appVariable } from "./appVariable.ts";
import { defineCommand, UsageError } from "./command.ts";

export const open = defineCommand({
  usage: ["FILE..."],
  description:
    "Opens images in the app, each in a tab of its own, and returns at once. An app that is running takes them over.",
  options: {},
  sections: [{ title: "Environment", text: appVariable }],
  exits: [
    [0, "the app was started"],
    [1, "wrong usage, a file that cannot be opened, or no app"],
  ],
  examples: ["open disk.qed", "open a.qed b.qed c.raw"],
  opensNothing: true,
  failure: 1,
  async run({ operands }) {
    if (operands.length === 0) throw new UsageError("Expecting at least one image file name");
    const { showInApp } = await import("./app.ts");
    await showInApp("hex", operands);
    return 0;
  },
});
