// The drivers for what lies in the host's file system: `file` for regular files, `host_device` and `host_cdrom` for
// devices. Here they are opened, looked at and locked; the node is in fileNode.ts.
import * as fs from "node:fs";
import * as path from "node:path";
import * as z from "zod";
import { BlockError } from "../base/errors.ts";
import { defineDriver, type OpenContext } from "../block/driver.ts";
import type { BlockNode } from "../block/node.ts";
import { fileName } from "../block/options.ts";
import { deviceSize } from "./deviceSize.ts";
import { type FileDriver, refuseOddKinds } from "./fileKind.ts";
import { FileNode } from "./fileNode.ts";
import { sizeBySeeking } from "./holes.ts";
import { FileLocks, type LockingMode, readingClaim, writingClaim } from "./locks.ts";
import { identityOf, nowOpen } from "./openFiles.ts";
import { systemError } from "./systemError.ts";

const common = {
  filename: fileName(z.string("must be the name of a file").min(1, "the name is empty")),
  locking: z.enum(["auto", "on", "off"], "must be auto, on or off").optional(),
  // Requests are positional calls that block, whatever is chosen, and go through the page cache even with cache.direct:
  // the names are taken so that options fit the peer's.
  aio: z.enum(["threads", "native", "io_uring"], "must be threads, native or io_uring").optional(),
};

export const file = defineDriver({
  kind: "protocol",
  options: z.strictObject({ driver: z.literal("file"), ...common }),
  open: async (options, context) => openFile(options, context),
});

export const hostDevice = defineDriver({
  kind: "protocol",
  options: z.strictObject({ driver: z.literal("host_device"), ...common }),
  open: async (options, context) => openFile(options, context),
});

export const hostCdrom = defineDriver({
  kind: "protocol",
  options: z.strictObject({ driver: z.literal("host_cdrom"), ...common }),
  open: async (options, context) => openFile(options, context),
});

interface FileOptions {
  readonly driver: FileDriver;
  readonly filename: string;
  readonly locking?: LockingMode | undefined;
  readonly aio?: "threads" | "native" | "io_uring" | undefined;
}

function openFile(options: FileOptions, context: OpenContext): BlockNode {
  const { driver, filename } = options;
  const { readOnly } = context;
  refuseOptions(options, context);
  const full = path.resolve(context.baseDir, filename);
  const where = { node: context.name, path: full };
  const refused = `Could not open '${filename}'`;
  let fd: number | undefined;
  try {
    // Before opening, because opening a FIFO waits for its other end; after it, because the name may have moved on.
    refuseOddKinds(fs.statSync(full), driver, filename, readOnly, where);
    const access = readOnly ? fs.constants.O_RDONLY : fs.constants.O_RDWR;
    fd = fs.openSync(full, access | (fs.constants.O_NONBLOCK ?? 0));
    const stat = fs.fstatSync(fd, { bigint: true });
    refuseOddKinds(stat, driver, filename, readOnly, where);
    const identity = identityOf(stat);
    context.fileOpened(identity, filename);
    const locks = new FileLocks(
      fd,
      filename,
      context.sharing.forceShare ? "off" : (options.locking ?? "auto"),
      where,
    );
    locks.take(readOnly ? readingClaim : writingClaim);
    const size = sizeOf(fd, stat, refused, where);
    const closed = nowOpen(identity);
    return new FileNode({ fd, path: full, driver, size, device: !stat.isFile(), locks, closed, context });
  } catch (thrown) {
    if (fd !== undefined) fs.closeSync(fd);
    throw thrown instanceof BlockError ? thrown : systemError(refused, thrown, where);
  }
}

function refuseOptions({ filename, aio }: FileOptions, context: OpenContext): void {
  const refuse = (message: string) => {
    throw new BlockError("EINVAL", message, { node: context.name });
  };
  if (filename.includes("\0")) refuse("The file name contains a NUL byte, which no file can have");
  if (context.sharing.forceShare && !context.readOnly) {
    refuse("force-share=on can only be used with read-only images");
  }
  if (aio === "native" && !context.cache.direct) {
    refuse("aio=native was specified, but it requires cache.direct=on, which was not specified.");
  }
}

function sizeOf(fd: number, stat: fs.BigIntStats, refused: string, where: object): number {
  const size = stat.isFile()
    ? Number(stat.size)
    : stat.isBlockDevice()
      ? deviceSize(fd)
      : // Most character devices have no size, and trying where reads of /dev/zero end would take forever.
        (sizeBySeeking(fd) ?? 0);
  if (!Number.isSafeInteger(size)) {
    throw new BlockError("EFBIG", `${refused}: it is larger than 2^53 - 1 bytes`, where);
  }
  return size;
}
