// Who keeps a repair from an image: the locks say only that somebody does.
import * as fs from "node:fs";
import { asBlockError, BlockError } from "../base/errors.ts";
import { usersOfFile } from "../repair/fileUsers.ts";

/** Runs what takes locks on a file; EBUSY is thrown again with the names of those who have it open, where known. */
export async function namingUsers<T>(filename: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (thrown) {
    const error = asBlockError(thrown);
    if (error.code !== "EBUSY") throw thrown;
    const names = usersOfFile(fs.realpathSync(filename)).map(({ name }) => name);
    const who = names.length === 0 ? "another program" : names.join(", ");
    const hint = "Close the image there, or shut down the virtual machine it belongs to.";
    const context = { ...error.context, path: filename, hint };
    throw new BlockError("EBUSY", `The image is in use by ${who}`, context, { cause: thrown });
  }
}
