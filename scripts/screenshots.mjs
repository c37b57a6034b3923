// npm run screenshots [-- SCENE...]: pictures of every view and state in light, dark and forced colours at 1280x800,
// from the real app on images made here, in .cache/screenshots to be looked at; those the documents show go to
// docs/screenshots.
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { _electron } from "@playwright/test";
import { endlessQed } from "./bench/endlessQed.mjs";
import { ensureBuild } from "./build/build.mjs";
import { electronArgs, electronPath } from "./setup/electron.mjs";
import { inRoot, root } from "./setup/paths.mjs";
import { nodeEnv } from "./setup/run.mjs";
import { runMain, say, step } from "./setup/say.mjs";
import { setUp } from "./setup/setup.mjs";

/** @typedef {import("@playwright/test").Page} Page */
/** @typedef {import("@playwright/test").ElectronApplication} App */
/** @typedef {{ name: string, files?: readonly string[], act?: (page: Page, app: App) => Promise<unknown> }} Scene */

/** The log of a guest's writes. It takes a guest to make one, so that its pictures are made where one is named. */
const guestLog = process.env.BLKSCOPE_GUEST_LOG;

const folder = mkdtempSync(path.join(tmpdir(), "blkscope-pictures-"));
const inFolder = (/** @type {string} */ name) => path.join(folder, name);
const sample = [inRoot("assets/samples/sample.qed"), inRoot("assets/samples/sample.raw")];

/** Images for the states that the sample pair cannot show. */
function makeImages() {
  const bytes = Buffer.alloc(4 * 1024 * 1024, "The quick brown fox jumps over the lazy dog. ");
  writeFileSync(inFolder("disk.raw"), bytes);
  writeFileSync(inFolder("longer.raw"), Buffer.concat([bytes, Buffer.alloc(1024 * 1024)]));
  execFileSync("qemu-img", ["convert", "-O", "qed", inFolder("disk.raw"), inFolder("disk.qed")]);
  copyFileSync(inFolder("disk.qed"), inFolder("cut.qed"));
  truncateSync(inFolder("cut.qed"), 100_000);
  rmSync(`${inFolder("broken.qed")}.blkscope-undo`, { force: true });
  breakTables(inFolder("disk.qed"), inFolder("broken.qed"));
  makeLog(inFolder("writes.log"), inFolder("logged.raw"));
  copyFileSync(inFolder("writes.log"), inFolder("cut.log"));
  truncateSync(inFolder("cut.log"), 400_000);
  for (const name of ["endless-a.qed", "endless-b.qed"]) {
    endlessQed(inFolder(name), (cluster) => {
      for (let at = 0; at < cluster.length; at++) cluster[at] = (at * 31) & 0xff;
      cluster[5000] = name.length + name.charCodeAt(8);
    });
  }
}

/** What QEMU logs of a disk that is written to here and there, with a flush now and then. */
function makeLog(/** @type {string} */ log, /** @type {string} */ disk) {
  writeFileSync(disk, new Uint8Array(64 * 1024 * 1024));
  writeFileSync(log, "");
  const commands = Array.from({ length: 300 }, (_, i) => {
    if (i % 23 === 22) return "flush";
    const at = ((i * 37) % 4096) * 4096 + (i % 5) * 8_388_608;
    return i % 17 === 3 ? `discard ${at} 1M` : `write -P ${1 + (i % 255)} ${at} ${4096 * (1 + (i % 9))}`;
  });
  const image = `driver=blklogwrites,file.driver=file,file.filename=${disk},log.driver=file,log.filename=${log}`;
  const given = commands.flatMap((command) => ["-c", command]);
  execFileSync("qemu-io", ["-t", "writeback", "--image-opts", image, ...given], { stdio: "pipe" });
}

/** A copy in which entries of the first L2 table are wrong, empty, or used twice, and the need-check bit is set. */
function breakTables(/** @type {string} */ from, /** @type {string} */ to) {
  const clusterSize = 4096;
  execFileSync("qemu-img", ["convert", "-O", "qed", "-o", `cluster_size=${clusterSize}`, from, to]);
  const bytes = readFileSync(to);
  const l1 = Number(bytes.readBigUInt64LE(40));
  const l2 = Number(bytes.readBigUInt64LE(l1));
  const entry = (/** @type {number} */ index) => l2 + index * 8;
  bytes.writeBigUInt64LE(bytes.readBigUInt64LE(entry(8)), entry(10));
  bytes.writeBigUInt64LE(0x4000_0000n, entry(14));
  bytes.writeBigUInt64LE(0x201n, entry(200));
  for (const index of [300, 301, 302, 700]) bytes.writeBigUInt64LE(0n, entry(index));
  bytes.writeBigUInt64LE(bytes.readBigUInt64LE(16) | 2n, 16);
  writeFileSync(to, bytes);
}

/** Fails once the write in the middle of the log has been done. */
const bisectCommand = `sh -c 'test "$(od -An -tu1 -j5955584 -N1 "$0")" -eq 0' {}`;

async function askToBisect(/** @type {Page} */ page, /** @type {string} */ command) {
  await page.waitForTimeout(500);
  await page.getByRole("button", { name: "Find the first failing entry" }).click();
  await page.getByRole("textbox", { name: "Command" }).fill(command);
  await page.waitForTimeout(300);
}

/** @returns {readonly Scene[]} */
function scenes() {
  const press =
    (/** @type {string[]} */ ...keys) =>
    async (/** @type {Page} */ page) => {
      for (const key of keys) {
        await page.keyboard.press(key);
        await page.waitForTimeout(250);
      }
    };
  /** The map with all its problems. */
  const problems =
    (/** @type {string[]} */ ...keys) =>
    async (/** @type {Page} */ page) => {
      await press("Control+3")(page);
      await page.getByText(/ listed: /).waitFor();
      await press(...keys)(page);
    };
  const type =
    (/** @type {string} */ open, /** @type {string} */ text) => async (/** @type {Page} */ page) => {
      await press(open)(page);
      await page.keyboard.type(text, { delay: 20 });
    };
  const grid = async (/** @type {Page} */ page) => page.locator('[data-pane="a"] [role="grid"]').focus();
  return [
    { name: "welcome" },
    { name: "compare", files: sample, act: press("F8", "F8") },
    { name: "compare-zeros", files: sample, act: press("F8", "F8", "F8", "F8", "F8") },
    {
      name: "compare-folded",
      files: sample,
      act: async (page) => {
        await grid(page);
        await press("e")(page);
      },
    },
    { name: "compare-inspector", files: sample, act: press("F8", "Control+i") },
    {
      name: "hex",
      files: [sample[0] ?? ""],
      act: async (page) => {
        await type("Control+g", "0x4fb40")(page);
        await press("Enter", "Shift+ArrowDown")(page);
      },
    },
    {
      name: "timeline",
      files: [inFolder("writes.log")],
      act: async (page) => {
        await page.waitForTimeout(500);
        await press("]", "]", "]", "ArrowRight", "ArrowRight", "h")(page);
        await page.waitForTimeout(500);
      },
    },
    ...guestScenes(),
    {
      name: "timeline-filter",
      files: [inFolder("writes.log")],
      act: async (page) => {
        await page.getByRole("combobox", { name: "Filter the entries" }).fill("write && len > 16KiB");
        await page.waitForTimeout(800);
      },
    },
    { name: "timeline-cut", files: [inFolder("cut.log")], act: (page) => page.waitForTimeout(800) },
    {
      name: "timeline-bisect-dialog",
      files: [inFolder("writes.log")],
      act: async (page) => {
        await askToBisect(page, bisectCommand);
      },
    },
    {
      name: "timeline-bisect",
      files: [inFolder("writes.log")],
      act: async (page, app) => {
        await app.evaluate(({ dialog }) => {
          dialog.showMessageBox = () => Promise.resolve({ response: 1, checkboxChecked: false });
        });
        await askToBisect(page, bisectCommand);
        await page.getByRole("combobox", { name: "Search" }).selectOption("all");
        await page.getByRole("button", { name: /^Run it/ }).click();
        await page.getByRole("button", { name: "Go to the first failing entry" }).click();
        await page.waitForTimeout(800);
      },
    },
    { name: "goto", files: sample, act: type("Control+g", "s:2048 + 0x10") },
    { name: "palette", files: sample, act: type("F1", "diff") },
    {
      name: "keys",
      files: sample,
      act: async (page) => {
        await grid(page);
        await press("?")(page);
      },
    },
    {
      name: "shift",
      files: sample,
      act: async (page) => {
        await grid(page);
        await press("o")(page);
      },
    },
    { name: "settings", act: press("Control+,") },
    { name: "files", files: sample, act: press("Control+b") },
    { name: "equal", files: [inFolder("disk.raw"), inFolder("disk.qed")] },
    { name: "longer", files: [inFolder("disk.raw"), inFolder("longer.raw")], act: press("Control+End") },
    {
      name: "scanning",
      files: [inFolder("endless-a.qed"), inFolder("endless-b.qed")],
      act: (page) => page.waitForTimeout(2500),
    },
    {
      name: "cancelled",
      files: [inFolder("endless-a.qed"), inFolder("endless-b.qed")],
      act: (page) => page.getByRole("button", { name: /^Cancel scan/ }).click(),
    },
    { name: "map", files: [inFolder("broken.qed")], act: problems("F8", "-", "-") },
    { name: "map-letters", files: [inFolder("broken.qed")], act: problems("F8") },
    { name: "map-guest", files: [inFolder("broken.qed")], act: press("Control+3", "v") },
    { name: "map-kind", files: [inFolder("broken.qed")], act: press("Control+3", "2") },
    { name: "map-raw", files: [inFolder("disk.raw")], act: press("Control+3") },
    {
      name: "map-table",
      files: [inFolder("broken.qed")],
      act: async (page) => {
        await press("Control+3")(page);
        await page.getByRole("button", { name: "View as table" }).click();
      },
    },
    { name: "map-cluster", files: [inFolder("broken.qed")], act: problems("F8", "Enter") },
    { name: "map-sound", files: [inFolder("disk.qed")], act: press("Control+3") },
    {
      name: "map-bundle",
      files: [inFolder("broken.qed")],
      act: async (page) => {
        await press("Control+3")(page);
        await page.getByRole("button", { name: "Save metadata-only bundle" }).click();
      },
    },
    ...repairScenes(),
    { name: "failed", files: [inFolder("disk.raw"), inFolder("missing.qed")] },
    { name: "damaged", files: [inFolder("cut.qed")] },
    {
      name: "changed",
      files: [inFolder("disk.raw"), inFolder("longer.raw")],
      act: async (page) => {
        writeFileSync(inFolder("longer.raw"), Buffer.alloc(4 * 1024 * 1024 + 8192, "x"));
        await page.getByText(/changed on disk/).waitFor({ timeout: 15_000 });
      },
    },
  ];
}

/** A write of a real file system to its journal: its history, and what it overwrote. */
function guestScenes() {
  if (guestLog === undefined) return [];
  return [
    {
      name: "timeline-guest",
      files: [path.resolve(guestLog)],
      act: async (/** @type {Page} */ page) => {
        await page.waitForTimeout(1500);
        for (const key of ["End", "[", "[", "[", "ArrowLeft", "h"]) {
          await page.keyboard.press(key);
          await page.waitForTimeout(250);
        }
      },
    },
  ];
}

/** Each step of the repair wizard. */
function repairScenes() {
  const files = [inFolder("broken.qed")];
  const walk =
    (/** @type {(string | RegExp)[]} */ ...buttons) =>
    async (/** @type {Page} */ page) => {
      await page.keyboard.press("Control+5");
      for (const name of buttons) {
        await page.getByRole("button", { name }).or(page.getByRole("radio", { name })).first().click();
        await page.waitForTimeout(500);
      }
    };
  const toWrite = ["Next: Findings", "Next: Plan", "Next: Write", /itself/];
  return [
    { name: "dirty", files },
    { name: "repair-none", files: [inFolder("disk.raw")], act: walk() },
    { name: "repair-sound", files: [inFolder("disk.qed")], act: walk("Next: Findings") },
    { name: "repair-preflight", files, act: walk() },
    { name: "repair-findings", files, act: walk("Next: Findings") },
    { name: "repair-plan", files, act: walk("Next: Findings", "Next: Plan") },
    { name: "repair-write", files, act: walk(...toWrite) },
    { name: "repair-verify", files, act: walk(...toWrite, /^Write \d/) },
    { name: "repair-undo", files, act: walk(...toWrite, /^Write \d/, "Undo…") },
    {
      name: "repair-undone",
      files,
      act: walk(...toWrite, /^Write \d/, "Undo…", /^Undo \d/),
    },
    {
      name: "repair-earlier-journal",
      files,
      act: async (/** @type {Page} */ page) => {
        await walk(...toWrite, /^Write \d/)(page);
        await page.getByRole("button", { name: /^Look at .* again$/ }).click();
        await page.getByText("There is an undo journal already").waitFor();
      },
    },
  ];
}

/** forced: the system's own colours, on what would be light. */
const themes = /** @type {const} */ (["light", "dark", "forced"]);

async function picture(
  /** @type {Scene} */ scene,
  /** @type {typeof themes[number]} */ theme,
  /** @type {string} */ into,
) {
  const profile = mkdtempSync(inFolder("profile-"));
  const app = await _electron.launch({
    executablePath: electronPath(),
    args: [...electronArgs(), root, ...(scene.files ?? [])],
    env: /** @type {Record<string, string>} */ (nodeEnv({ BLKSCOPE_USER_DATA: profile })),
    colorScheme: theme === "dark" ? "dark" : "light",
  });
  try {
    const page = await app.firstWindow();
    await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.setContentSize(1280, 800));
    await page.waitForSelector("#root > *");
    if (theme === "forced") await page.emulateMedia({ forcedColors: "active" });
    await page.waitForTimeout(1500);
    await scene.act?.(page, app);
    await page.waitForTimeout(700);
    await page.screenshot({ path: path.join(into, `${scene.name}-${theme}.png`) });
  } catch (error) {
    say(`${scene.name}-${theme}: ${error instanceof Error ? error.message : error}`);
  } finally {
    await app.close();
  }
}

/** Those that documents show. */
const documented = [
  "map-light.png",
  "repair-plan-dark.png",
  "compare-light.png",
  "compare-dark.png",
  "hex-light.png",
  "scanning-light.png",
  "timeline-guest-light.png",
  "timeline-guest-dark.png",
];

await runMain(async () => {
  const wanted = process.argv.slice(2);
  const into = inRoot(".cache/screenshots");
  await setUp({ peers: true });
  await step("build", ensureBuild);
  mkdirSync(into, { recursive: true });
  mkdirSync(inRoot("docs/screenshots"), { recursive: true });
  try {
    for (const scene of scenes().filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
      for (const theme of themes) {
        makeImages();
        await picture(scene, theme, into);
        const name = `${scene.name}-${theme}.png`;
        if (documented.includes(name)) copyFileSync(path.join(into, name), inRoot("docs/screenshots", name));
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
