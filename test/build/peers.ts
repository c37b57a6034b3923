// The programs whose answers are the expected values of cross tests. Where one is missing its tests are skipped
// aloud; in continuous integration that is a failure, because there they are part of the set-up.
import { execFileSync, spawnSync } from "node:child_process";

/** For `describe.skipIf(lacksPeer("qemu-img"))`. Throws when `CI` is set and the program is not there. */
export function lacksPeer(...programs: readonly string[]): boolean {
  const missing = programs.filter((program) => spawnSync(program, ["--version"]).error !== undefined);
  if (missing.length === 0) return false;
  const message = `${missing.join(" and ")} not found: install qemu-utils to run these tests`;
  if (process.env.CI) throw new Error(message);
  console.warn(`SKIPPED: ${message}`);
  return true;
}

/** Runs a program to its end and gives what it printed. Throws with its error output when it fails. */
export function run(program: string, ...parameters: readonly string[]): string {
  return execFileSync(program, parameters, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** One qemu-io session over an image; each command as on its command line. */
export function qemuIo(image: string, format: string, ...commands: readonly string[]): string {
  const list = commands.flatMap((command) => ["-c", command]);
  return run("qemu-io", "-f", format, "-t", "writeback", ...list, image);
}

/**
 * A qcow2 image encrypted with LUKS, passphrase "pass". The program times its key derivation, and gives up where a busy
 * machine makes that too coarse: it is asked again then.
 */
export function createLuks(image: string, size: string, triesLeft = 30): void {
  const secret = ["--object", "secret,id=s,data=pass"];
  const options = "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=100";
  const create = ["create", "-q", "-f", "qcow2", ...secret, "-o", options, image, size];
  const { status, stderr } = spawnSync("qemu-img", create, { encoding: "utf8" });
  if (status === 0) return;
  if (triesLeft === 0 || !stderr.includes("accurate CPU usage")) throw new Error(stderr);
  createLuks(image, size, triesLeft - 1);
}
