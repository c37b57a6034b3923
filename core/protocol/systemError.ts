// What the operating system answered, as a BlockError: its code, a sentence a person knows, what to do.
import { BlockError, type BlockErrorCode, type BlockErrorContext } from "../base/errors.ts";

const known: Readonly<Record<string, readonly [BlockErrorCode, string, string?]>> = {
  ENOENT: ["ENOENT", "No such file or directory", "Check the name; the file may have been moved or deleted."],
  ENOTDIR: ["ENOENT", "Not a directory", "Part of the path is a file."],
  EACCES: [
    "EACCES",
    "Permission denied",
    "Ask for the right to read this file, or start as a user who has it.",
  ],
  EPERM: ["EACCES", "Operation not permitted", "Ask for the right to read this file."],
  EROFS: ["EROFS", "Read-only file system"],
  EBUSY: ["EBUSY", "Device or resource busy", "Close what uses it, then try again."],
  ENOSPC: ["ENOSPC", "No space left on device", "Free some space, then try again."],
  EFBIG: ["EFBIG", "File too large"],
  ELOOP: ["EINVAL", "Too many levels of symbolic links", "The link points to itself; open its target."],
  ENAMETOOLONG: ["EINVAL", "File name too long"],
  EISDIR: ["EINVAL", "Is a directory", "Choose a file in it."],
  ENXIO: ["EIO", "No such device or address", "Is the device connected?"],
  ENODEV: ["EIO", "No such device", "Is the device connected?"],
  ENOMEDIUM: ["EIO", "No medium found", "Insert a medium."],
  EMFILE: ["EBUSY", "Too many open files", "Close some images."],
};

/** `what` precedes the reason: "Could not open 'disk.qed'". */
export function systemError(what: string, thrown: unknown, context: BlockErrorContext): BlockError {
  const { code: name = "", errno } = (thrown ?? {}) as NodeJS.ErrnoException;
  const [code, reason, hint] = known[name] ?? ["EIO", reasonOf(thrown, name)];
  const full = {
    ...(hint !== undefined && { hint }),
    // Node's numbers are negative.
    ...(code !== name && errno !== undefined && { errno: -errno }),
    ...context,
  };
  return new BlockError(code, `${what}: ${reason}`, full, { cause: thrown });
}

function reasonOf(thrown: unknown, errno: string): string {
  if (errno === "EIO") return "Input/output error";
  return thrown instanceof Error ? thrown.message : String(thrown);
}
