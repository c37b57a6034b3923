// Everything a fresh clone needs before the app can run, in order. A second run finds nothing to do and takes a
// fraction of a second.
import { ensureDisplay, needsVirtualDisplay } from "./display.mjs";
import { describeRuntime, electronPath, ensureElectron } from "./electron.mjs";
import { ensureUtf8 } from "./locale.mjs";
import { ensurePackages } from "./packages.mjs";
import { say, step } from "./say.mjs";
import { ensureSystem } from "./system.mjs";

/**
 * Packages, runtime, system libraries, display.
 * @param {{ peers?: boolean }} [options] peers: also the tools that tests compare with
 */
export async function setUp({ peers = false } = {}) {
  ensureUtf8();
  await step("packages", ensurePackages);
  await step("electron", ensureElectron);
  /** @type {import("./system.mjs").Tool[]} */
  const tools = [];
  if (needsVirtualDisplay()) tools.push("Xvfb");
  if (peers) tools.push("qemu-img", "qemu-io", "mke2fs", "python3", "patch", "xz");
  await step("system", () => ensureSystem({ electron: electronPath(), tools }));
  await step("display", ensureDisplay);
  say(describeRuntime());
}
