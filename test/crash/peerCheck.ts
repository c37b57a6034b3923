// What qemu-img finds in what a crash left, and its repair of it. The backing file, which is not there, is left out.
import { spawnSync } from "node:child_process";
import * as path from "node:path";
import type { CrashFormat } from "./format.ts";

export interface PeerCounts {
  readonly corruptions: number;
  readonly leaks: number;
}

/** Members that are zero are not printed. Throws when the image can't be checked. */
export function peerCheck(driver: CrashFormat["driver"], filename: string): PeerCounts {
  const counts = runCheck(driver, filename, []) as { corruptions?: number; leaks?: number };
  return { corruptions: counts.corruptions ?? 0, leaks: counts.leaks ?? 0 };
}

/** Throws when something is left that can't be repaired. */
export function peerRepair(driver: CrashFormat["driver"], filename: string, what: "leaks" | "all"): void {
  runCheck(driver, filename, ["-r", what]);
  const left = peerCheck(driver, filename);
  if (left.corruptions + left.leaks > 0) throw new Error(`qemu-img leaves ${JSON.stringify(left)}`);
}

function runCheck(driver: CrashFormat["driver"], filename: string, more: readonly string[]): unknown {
  const spec = { driver, backing: null, file: { driver: "file", filename: path.resolve(filename) } };
  const parameters = ["check", ...more, "--output", "json", `json:${JSON.stringify(spec)}`];
  const ran = spawnSync("qemu-img", parameters, { encoding: "utf8" });
  // 2: corruptions, 3: leaks.
  if (![0, 2, 3].includes(ran.status ?? -1)) throw new Error(`qemu-img check: ${ran.stderr}`);
  return JSON.parse(ran.stdout);
}
