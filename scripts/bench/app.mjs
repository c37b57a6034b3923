// The app as its user feels it: how soon it is there, how soon bytes show, whether scrolling is smooth and
// nothing stalls while a scan runs. Measured in the real app, from inside its page and its main process.
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import * as path from "node:path";
import { _electron } from "@playwright/test";
import { ensureDisplay } from "../setup/display.mjs";
import { electronArgs, electronPath, ensureElectron } from "../setup/electron.mjs";
import { root } from "../setup/paths.mjs";
import { endlessQed } from "./endlessQed.mjs";
import { childEnv, median } from "./measure.mjs";
import { mib, ms } from "./report.mjs";

/** @typedef {import("./report.mjs").Line} Line */
/** @typedef {{ folder: string, quick: boolean, runs: number }} Context */

const MiB = 1024 * 1024;

/** @param {Context} context @returns {Promise<{ title: string, lines: Line[] }[]>} */
export async function run({ folder, quick, runs }) {
  await ensureElectron();
  await ensureDisplay();
  const profile = path.join(folder, "profile");
  const pair = [0, 1].map((index) =>
    endlessQed(path.join(folder, `endless${index}.qed`), (cluster) => {
      for (let at = 0; at < cluster.length; at++) cluster[at] = (at * 31) & 0xff;
      // One differing byte a cluster: 16 million runs, so that results flow while frames are counted.
      cluster[5000] = index;
    }),
  );
  const image = path.join(folder, "image.raw");
  writeFileSync(image, Buffer.alloc(64 * MiB, "blkscope"));
  const lines = [
    await coldStart(profile, runs),
    await firstBytes(profile, image, quick ? 3 : 7),
    ...(await smoothness(profile, pair, quick ? 3000 : 10_000)),
  ];
  return [{ title: "the app, software rendering", lines }];
}

/** From the start of the process to the page that answers. */
async function coldStart(/** @type {string} */ profile, /** @type {number} */ runs) {
  const times = [];
  // The first start makes the profile and is not counted.
  for (let index = 0; index <= runs; index++) times.push(await startOnce(profile));
  return limit("cold start to interactive", median(times.slice(1)), 1500);
}

/** @returns {Promise<number>} milliseconds */
function startOnce(/** @type {string} */ profile) {
  const start = performance.now();
  const args = [...electronArgs(), root, "--smoke-test"];
  const child = spawn(electronPath(), args, {
    env: childEnv({ BLKSCOPE_USER_DATA: profile }),
    stdio: ["ignore", "pipe", "ignore"],
  });
  return new Promise((resolve, reject) => {
    let said = "";
    let taken = Number.NaN;
    child.stdout.setEncoding("utf8").on("data", (text) => {
      said += text;
      if (Number.isNaN(taken) && said.includes('"ready":true')) taken = performance.now() - start;
    });
    child.on("error", reject);
    child.on("exit", (code) =>
      code === 0 ? resolve(taken) : reject(new Error(`the app ended with code ${code}`)),
    );
  });
}

function launch(/** @type {string} */ profile, /** @type {readonly string[]} */ files) {
  return _electron.launch({
    executablePath: electronPath(),
    args: [...electronArgs(), root, ...files],
    env: /** @type {Record<string, string>} */ (childEnv({ BLKSCOPE_USER_DATA: profile })),
  });
}

/** From the moment the main process is given a file to the first byte of it on screen. */
async function firstBytes(
  /** @type {string} */ profile,
  /** @type {string} */ image,
  /** @type {number} */ runs,
) {
  const times = [];
  for (let index = 0; index < runs; index++) {
    const app = await launch(profile, []);
    const page = await app.firstWindow();
    await page.waitForSelector("h1");
    // The person has looked at the start page for a moment.
    await page.waitForTimeout(1000);
    const shown = page.evaluate(
      () =>
        new Promise((/** @type {(at: number) => void} */ resolve) => {
          const look = () => {
            const there = document.querySelector("[role=gridcell]");
            if (there) resolve(performance.timeOrigin + performance.now());
            else requestAnimationFrame(look);
          };
          look();
        }),
    );
    const given = await app.evaluate(({ app: electron }, file) => {
      const at = performance.timeOrigin + performance.now();
      electron.emit("second-instance", {}, ["electron", ".", file], "/", {});
      return at;
    }, image);
    times.push((await shown) - given);
    await app.close();
  }
  return limit("open an image to its first bytes", median(times), 150);
}

/** Frames while scrolling and stalls of both threads, all while a scan runs and finds a difference a cluster. */
async function smoothness(
  /** @type {string} */ profile,
  /** @type {readonly string[]} */ pair,
  /** @type {number} */ duration,
) {
  const app = await launch(profile, pair);
  const page = await app.firstWindow();
  await page.waitForSelector("[data-pane=a] [role=gridcell]");
  await page.waitForTimeout(1000);
  const mainStall = app.evaluate(
    (_modules, time) =>
      new Promise((/** @type {(longest: number) => void} */ resolve) => {
        let last = performance.now();
        let longest = 0;
        const timer = setInterval(() => {
          const now = performance.now();
          longest = Math.max(longest, now - last - 5);
          last = now;
        }, 5);
        setTimeout(() => {
          clearInterval(timer);
          resolve(longest);
        }, time);
      }),
    duration,
  );
  const idle = await page.evaluate(framesWhile, { time: duration, scroll: false });
  const scanStall = await mainStall;
  const scrollingInScan = await page.evaluate(framesWhile, { time: duration, scroll: true });
  const memory = await app.evaluate(({ app: electron }) =>
    electron.getAppMetrics().reduce((sum, { memory: { workingSetSize } }) => sum + workingSetSize * 1024, 0),
  );
  const heap = await page.evaluate(
    () => /** @type {{ memory?: { usedJSHeapSize: number } }} */ (performance).memory?.usedJSHeapSize ?? 0,
  );
  await page.getByRole("button", { name: /^Cancel scan/ }).click();
  await page
    .getByRole("button", { name: /^Resume/ })
    .first()
    .waitFor();
  const scrolling = await page.evaluate(framesWhile, { time: duration, scroll: true });
  await app.close();
  return [
    limit("scroll, p95 of frames", scrolling.p95, 33.4), // two frames of a 60 Hz display
    { what: "scroll, p95 of frames while a scan uses both cores", value: ms(scrollingInScan.p95) },
    limit("longest task of the page while a scan runs", idle.longest, 50),
    limit("longest stall of the main process", scanStall, 50),
    { what: "page's heap", value: mib(heap), goal: "under 300 MiB", met: heap < 300 * MiB },
    {
      what: "whole app, working sets added up",
      value: mib(memory),
      goal: "under 800 MiB",
      met: memory < 800 * MiB,
    },
  ];
}

/**
 * Runs in the page: frame times over `time` milliseconds, with wheel turns on the left pane if asked, and the
 * longest task the browser saw (0: none above its threshold of 50 ms).
 * @param {{ time: number, scroll: boolean }} options
 * @returns {Promise<{ p95: number, longest: number }>}
 */
function framesWhile({ time, scroll }) {
  return new Promise((resolve) => {
    /** @type {number[]} */
    const frames = [];
    let longest = 0;
    const observer = new PerformanceObserver((entries) => {
      for (const { duration } of entries.getEntries()) longest = Math.max(longest, duration);
    });
    observer.observe({ entryTypes: ["longtask"] });
    const target = document.querySelector("[data-pane=a] canvas");
    const end = performance.now() + time;
    let last = performance.now();
    const frame = (/** @type {number} */ now) => {
      frames.push(now - last);
      last = now;
      if (scroll)
        target?.dispatchEvent(new WheelEvent("wheel", { deltaY: 120, bubbles: true, cancelable: true }));
      if (now < end) return requestAnimationFrame(frame);
      observer.disconnect();
      frames.sort((a, b) => a - b);
      resolve({ p95: frames[Math.floor(frames.length * 0.95)] ?? Number.NaN, longest });
    };
    requestAnimationFrame(frame);
  });
}

/** @returns {Line} */
function limit(/** @type {string} */ what, /** @type {number} */ value, /** @type {number} */ most) {
  return { what, value: ms(value), goal: `within ${ms(most)}`, met: value <= most };
}
