// A display to draw on. Where Linux has none, Xvfb is started: a virtual one that nobody sees, which is what
// tests and a look through screenshots need. It ends with the script.
import { spawn } from "node:child_process";
import { SetupError } from "./say.mjs";

export const needsVirtualDisplay = () =>
  process.platform === "linux" && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY;

/**
 * Starts Xvfb on a free display number.
 * @returns {Promise<{ display: string, stop: () => void }>}
 */
function startXvfb() {
  const args = ["-displayfd", "3", "-screen", "0", "1600x1000x24", "-nolisten", "tcp", "-noreset"];
  const child = spawn("Xvfb", args, { stdio: ["ignore", "ignore", "pipe", "pipe"] });
  const stop = () => void child.kill();
  return new Promise((resolve, reject) => {
    let problem = "";
    let number = "";
    const fail = (/** @type {string} */ reason) =>
      reject(new SetupError(`Xvfb did not start: ${reason.trim()}`));
    child.stderr?.setEncoding("utf8").on("data", (text) => {
      problem = (problem + text).slice(-2000);
    });
    child.stdio[3]?.on("data", (bytes) => {
      number += bytes;
      if (!number.endsWith("\n")) return;
      // A display must not keep the script from ending; the exit handler ends it.
      child.unref();
      for (const stream of child.stdio) /** @type {import("node:net").Socket | null} */ (stream)?.unref?.();
      resolve({ display: `:${number.trim()}`, stop });
    });
    child.on("error", (error) => fail(error.message));
    child.on("exit", (code) => fail(problem || `exit code ${code}`));
  });
}

/**
 * Makes sure there is a display, sets DISPLAY for this process and its children, and ends the display with this
 * process. Answers what was done, undefined for nothing.
 */
export async function ensureDisplay() {
  if (!needsVirtualDisplay()) return undefined;
  const { display, stop } = await startXvfb();
  process.env.DISPLAY = display;
  process.env.BLKSCOPE_VIRTUAL_DISPLAY = "1";
  process.on("exit", stop);
  return `no display here, running on a virtual one (Xvfb ${display})`;
}

/**
 * Displays for apps that must not take each other's focus or clipboard, the one at hand first: as many as asked for
 * where it is a virtual one of ours, else that one alone. They end with this process.
 * @param {number} count
 */
export async function displaysApart(count) {
  const displays = [process.env.DISPLAY ?? ""];
  if (!process.env.BLKSCOPE_VIRTUAL_DISPLAY) return displays;
  while (displays.length < count) {
    const { display, stop } = await startXvfb();
    process.on("exit", stop);
    displays.push(display);
  }
  return displays;
}
