// The cache modes of -t and -T, as the peer names them.
import type { CacheMode } from "../block/driver.ts";
import { CliError } from "./command.ts";

const modes: Readonly<Record<string, CacheMode>> = {
  none: { writethrough: false, direct: true, noFlush: false },
  off: { writethrough: false, direct: true, noFlush: false },
  writeback: { writethrough: false, direct: false, noFlush: false },
  writethrough: { writethrough: true, direct: false, noFlush: false },
  directsync: { writethrough: true, direct: true, noFlush: false },
  unsafe: { writethrough: false, direct: false, noFlush: true },
};

/** undefined for a name that is none. */
export function cacheModeNamed(name: string): CacheMode | undefined {
  return Object.hasOwn(modes, name) ? modes[name] : undefined;
}

/** `what` is how the peer calls the option: "cache" or "source cache". Throws CliError with `exitCode`. */
export function cacheMode(name: string, what: "cache" | "source cache", exitCode = 1): CacheMode {
  const mode = cacheModeNamed(name);
  if (mode !== undefined) return mode;
  const hint = "It is one of none, writeback, writethrough, directsync, unsafe.";
  throw new CliError(`Invalid ${what} option: ${name}`, exitCode, hint);
}
