// The commands of the session, in the order in which help lists them.

import { inPlaceOfPeer } from "../persona.ts";
import { aioFlush, aioRead, aioWrite, flush } from "./aio.ts";
import { breakCommand, removeBreak, resume, waitBreak } from "./breakpoints.ts";
import type { IoCommand } from "./command.ts";
import { abort, help, quit, sigraise, sleep } from "./control.ts";
import { alloc, info, length, map, truncate } from "./facts.ts";
import { mark } from "./mark.ts";
import { close, open, reopen } from "./opening.ts";
import { read, readv } from "./read.ts";
import { discard, write, writev } from "./write.ts";

const all: readonly IoCommand[] = [
  abort,
  aioFlush,
  aioRead,
  aioWrite,
  alloc,
  breakCommand,
  close,
  discard,
  flush,
  help,
  info,
  length,
  map,
  mark,
  open,
  quit,
  read,
  readv,
  removeBreak,
  reopen,
  resume,
  sigraise,
  sleep,
  truncate,
  waitBreak,
  write,
  writev,
];

export const ioCommands: readonly IoCommand[] = all.filter(({ own }) => !own || !inPlaceOfPeer);
