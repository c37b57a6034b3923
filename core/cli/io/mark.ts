// mark: a text in the write log, at which a replay can stop later. The peer's writer of logs has no such thing.
import { BlockError } from "../../base/errors.ts";
import type { IoCommand } from "./command.ts";
import { nearest } from "./nearest.ts";

export const mark: IoCommand = {
  name: "mark",
  args: "text...",
  oneline: "notes a text in the write log of the open image",
  more: `The image is one with a log: driver=blklogwrites. What was written before the mark is in the log before it.

Example:
'mark after mkfs' - notes the words "after mkfs"`,
  own: true,
  min: 1,
  max: Number.POSITIVE_INFINITY,
  writes: true,
  async run({ image }, words) {
    const mark = nearest(image.node, (node) => node.mark);
    if (mark === undefined) {
      throw new BlockError("ENOTSUP", "No driver of this image keeps a log", {
        hint: "Open it with driver=blklogwrites, file.filename=NAME, log.filename=LOG.",
      });
    }
    await mark(words.join(" "));
  },
};
