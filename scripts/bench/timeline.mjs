// The timeline of a log of millions of entries in the real app: how soon its first picture is there, whether moving and
// zooming are smooth, how soon a state of its disk shows. Measured from inside the page, without a graphics processor.
import * as fs from "node:fs";
import * as path from "node:path";
import { _electron } from "@playwright/test";
import { ensureDisplay } from "../setup/display.mjs";
import { electronArgs, electronPath, ensureElectron } from "../setup/electron.mjs";
import { root } from "../setup/paths.mjs";
import { manyEntries } from "./logFiles.mjs";
import { childEnv, median } from "./measure.mjs";
import { ms } from "./report.mjs";

/** @typedef {import("./report.mjs").Line} Line */
/** @typedef {{ folder: string, quick: boolean, runs: number }} Context */
/** @typedef {{ opened: number, pan: number, zoom: number, longest: number, state: number, far: number }} Found */

const frameLimit = 33.4; // two frames of a 60 Hz display

/** @param {Context} context @returns {Promise<{ title: string, lines: Line[] }[]>} */
export async function run({ folder, quick }) {
  await ensureElectron();
  await ensureDisplay();
  const entries = quick ? 1_000_000 : 5_000_000;
  const log = path.join(folder, "timeline.log");
  manyEntries(log, entries);
  /** @type {Found[]} */
  const found = [];
  for (let index = 0; index < 3; index++) found.push(await once(folder, log, quick ? 3000 : 8000));
  fs.rmSync(log);
  const of = (/** @type {keyof Found} */ name) => median(found.map((each) => each[name]));
  return [
    {
      title: `the timeline of ${entries} entries, software rendering`,
      lines: [
        limit("first picture, from the index being there", of("opened"), 1000),
        limit("pan, p95 of frames", of("pan"), frameLimit),
        limit("zoom, p95 of frames", of("zoom"), frameLimit),
        { what: "longest task of the page meanwhile", value: ms(of("longest")) },
        limit("the disk after the entry at hand, to its first bytes", of("state"), 200),
        limit("the disk after the last entry, the same", of("far"), 200),
      ],
    },
  ];
}

/** @returns {Promise<Found>} */
async function once(/** @type {string} */ folder, /** @type {string} */ log, /** @type {number} */ duration) {
  const app = await _electron.launch({
    executablePath: electronPath(),
    args: [...electronArgs(), root, log],
    env: /** @type {Record<string, string>} */ (
      childEnv({ BLKSCOPE_USER_DATA: path.join(folder, "timeline-profile") })
    ),
  });
  try {
    const page = await app.firstWindow();
    await page.setViewportSize({ width: 1440, height: 900 }).catch(() => undefined);
    const opened = await page.evaluate(firstPicture);
    // The person has looked at it for a moment.
    await page.waitForTimeout(3000);
    const pan = await page.evaluate(framesWhile, { time: duration, how: /** @type {const} */ ("pan") });
    const zoom = await page.evaluate(framesWhile, { time: duration, how: /** @type {const} */ ("zoom") });
    const state = await page.evaluate(openState, { key: "ArrowRight" });
    await page.getByRole("tab", { name: /^Timeline/ }).click();
    await page.waitForTimeout(500);
    const far = await page.evaluate(openState, { key: "End" });
    return {
      opened,
      pan: pan.p95,
      zoom: zoom.p95,
      longest: Math.max(pan.longest, zoom.longest),
      state,
      far,
    };
  } finally {
    await app.close();
  }
}

/**
 * Runs in the page: milliseconds from the table of entries, which needs the index, to a plot that has been drawn.
 * @returns {Promise<number>}
 */
function firstPicture() {
  return new Promise((resolve) => {
    let indexed = Number.NaN;
    const isDrawn = () => {
      const canvas = /** @type {HTMLCanvasElement | undefined} */ (
        document.querySelector("[aria-roledescription=timeline]")?.parentElement?.querySelector("canvas")
      );
      const context = canvas?.getContext("2d");
      if (!canvas || !context || canvas.width < 10) return false;
      // Writes all over the disk: along a line through the middle most is not background.
      const { data } = context.getImageData(0, canvas.height >> 1, canvas.width, 1);
      const colors = new Set();
      for (let at = 0; at < data.length; at += 4) colors.add(`${data[at]} ${data[at + 1]} ${data[at + 2]}`);
      return colors.size > 3;
    };
    const look = () => {
      const now = performance.now();
      if (Number.isNaN(indexed) && document.querySelector("[role=grid][aria-label^=Entries]")) indexed = now;
      if (!Number.isNaN(indexed) && isDrawn()) resolve(now - indexed);
      else requestAnimationFrame(look);
    };
    look();
  });
}

/**
 * Runs in the page: turns of the wheel at every frame, to and fro, and how long frames take.
 * @param {{ time: number, how: "pan" | "zoom" }} options
 * @returns {Promise<{ p95: number, longest: number }>}
 */
function framesWhile({ time, how }) {
  return new Promise((resolve) => {
    const plot = /** @type {Element} */ (document.querySelector("[aria-roledescription=timeline]"));
    const { left, top, width, height } = plot.getBoundingClientRect();
    /** @type {number[]} */
    const frames = [];
    let longest = 0;
    const observer = new PerformanceObserver((entries) => {
      for (const { duration } of entries.getEntries()) longest = Math.max(longest, duration);
    });
    observer.observe({ entryTypes: ["longtask"] });
    const turn = (/** @type {number} */ delta, /** @type {boolean} */ shiftKey) =>
      plot.dispatchEvent(
        new WheelEvent("wheel", {
          deltaY: delta,
          shiftKey,
          clientX: left + width * 0.6,
          clientY: top + height * 0.5,
          bubbles: true,
          cancelable: true,
        }),
      );
    // Somewhere in the middle, so that there is where to go.
    if (how === "pan") for (let i = 0; i < 8; i++) turn(-120, false);
    const end = performance.now() + time;
    let last = performance.now();
    const frame = (/** @type {number} */ now) => {
      frames.push(now - last);
      last = now;
      const back = Math.floor(frames.length / 60) % 2 === 1;
      turn(how === "zoom" ? (back ? 60 : -60) : back ? 40 : -40, how === "pan");
      if (now < end) return requestAnimationFrame(frame);
      observer.disconnect();
      frames.sort((a, b) => a - b);
      resolve({ p95: frames[Math.floor(frames.length * 0.95)] ?? Number.NaN, longest });
    };
    requestAnimationFrame(frame);
  });
}

/**
 * Runs in the page: goes to an entry by key, opens the disk after it, and waits for the bytes.
 * @param {{ key: string }} options
 * @returns {Promise<number>} milliseconds
 */
function openState({ key }) {
  const plot = /** @type {HTMLElement} */ (document.querySelector("[aria-roledescription=timeline]"));
  const press = (/** @type {string} */ name) =>
    plot.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
  plot.focus();
  press(key);
  return new Promise((resolve) =>
    setTimeout(() => {
      const start = performance.now();
      press("Enter");
      const look = () => {
        const shown = document.querySelector("[role=tab][aria-selected=true]")?.textContent ?? "";
        if (shown.includes("disk after") && document.querySelector("[data-pane=hex] [role=gridcell]")) {
          resolve(performance.now() - start);
        } else requestAnimationFrame(look);
      };
      look();
    }, 500),
  );
}

/** @returns {Line} */
function limit(/** @type {string} */ what, /** @type {number} */ value, /** @type {number} */ most) {
  return { what, value: ms(value), goal: `within ${ms(most)}`, met: value <= most };
}
