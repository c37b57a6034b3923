// Which other programs have a file open, as far as the system tells: Linux lists the files of one's own processes, and
// of all processes to root. What is not seen here may be there still; locks decide.
import * as fs from "node:fs";
import * as path from "node:path";

export interface FileUser {
  /** "qemu-io (process 123)", "the loop device /dev/loop0". */
  readonly name: string;
  /** It has the file open for writing. */
  readonly writes: boolean;
  /** It holds a lock that keeps others from writing. */
  readonly locks: boolean;
}

/** Those of this process are left out. `filename` has no symbolic links. */
export function usersOfFile(filename: string): FileUser[] {
  return [...processesWith(filename), ...loopDevicesOn(filename)];
}

function processesWith(filename: string): FileUser[] {
  const own = quietly(() => fs.statSync(filename));
  if (!own) return [];
  const users: FileUser[] = [];
  for (const pid of quietly(() => fs.readdirSync("/proc")) ?? []) {
    if (!/^\d+$/.test(pid) || pid === String(process.pid)) continue;
    const open = (quietly(() => fs.readdirSync(`/proc/${pid}/fd`)) ?? []).filter((fd) =>
      isOpenAs(`/proc/${pid}/fd/${fd}`, filename, own),
    );
    if (open.length === 0) continue;
    const command = quietly(() => fs.readFileSync(`/proc/${pid}/comm`, "utf8").trim()) ?? "a program";
    const infos = open.map((fd) => quietly(() => fs.readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8")) ?? "");
    const name = `${command} (process ${pid})`;
    users.push({ name, writes: infos.some(isForWriting), locks: infos.some(keepsWritersOut) });
  }
  return users;
}

/** Other files are told by their names alone: asking a network file system that does not answer would never end. */
function isOpenAs(link: string, filename: string, own: fs.Stats): boolean {
  const target = quietly(() => fs.readlinkSync(link));
  if (target === undefined || path.basename(target) !== path.basename(filename)) return false;
  const stat = quietly(() => fs.statSync(link));
  return stat?.dev === own.dev && stat.ino === own.ino;
}

/** The line "flags:" has the flags of open(2) in octal; the lowest two bits are 0 for reading only. */
function isForWriting(info: string): boolean {
  const flags = /^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? "0";
  return Number.parseInt(flags, 8) % 4 !== 0;
}

/**
 * Lines "lock:  1: OFDLCK ADVISORY  READ -1 fe:00:226 100 101", with the first and the last byte. A reader that lets
 * others write locks byte 100 alone.
 */
function keepsWritersOut(info: string): boolean {
  const ranges = info.matchAll(/^lock:.* (READ|WRITE) .* (\d+) (\d+|EOF)$/gm);
  return [...ranges].some(([, kind, , last]) => kind === "WRITE" || last !== "100");
}

function loopDevicesOn(filename: string): FileUser[] {
  const users: FileUser[] = [];
  for (const device of quietly(() => fs.readdirSync("/sys/block")) ?? []) {
    if (!device.startsWith("loop")) continue;
    const backing = quietly(() => fs.readFileSync(`/sys/block/${device}/loop/backing_file`, "utf8").trim());
    if (backing !== filename) continue;
    const readOnly = quietly(() => fs.readFileSync(`/sys/block/${device}/ro`, "utf8").trim()) === "1";
    users.push({ name: `the loop device /dev/${device}`, writes: !readOnly, locks: false });
  }
  return users;
}

/** Processes come and go, and most are somebody else's. */
function quietly<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
