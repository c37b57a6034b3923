// When something of ours breaks: said in a dialog and on stderr, never a silent death. What is lost is the view: images
// are read and written in threads of their own.
import { app, clipboard, dialog } from "electron";
import { imagesText } from "./troubleWords.ts";
import type { MainWindow } from "./window.ts";

/** Titles of the jobs that write to an image now. */
type Writing = () => readonly string[];

/** Reports exceptions nobody caught. The app goes on when the person wants it to. */
export function reportUncaught(writing: Writing): void {
  // A terminal that was closed is no trouble of ours.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  process.on("uncaughtException", (error) => void report(error, writing));
  process.on("unhandledRejection", (reason) => void report(reason, writing));
}

let isShowing = false;

async function report(thrown: unknown, writing: Writing): Promise<void> {
  const details = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  console.error("uncaught:", details);
  if (!app.isReady()) return app.exit(1);
  if (isShowing) return; // the first tells most; the rest is on stderr
  isShowing = true;
  const { response } = await dialog
    .showMessageBox({
      type: "error",
      title: app.name,
      message: "Something went wrong inside Blkscope",
      detail: `${imagesText(writing())} You can go on, but what you see may be incomplete.\n\n${details.slice(0, 2000)}`,
      buttons: ["Go on", "Copy details", "Quit"],
      defaultId: 0,
      cancelId: 0,
    })
    .finally(() => {
      isShowing = false;
    });
  if (response === 1) clipboard.writeText(details);
  if (response === 2) app.quit();
}

/** A page that ended again this soon after it was loaded anew is not loaded by itself, milliseconds. */
const soonMs = 60_000;

/** What to do about a page whose process ended: loads it anew once, then asks. */
export class PageRescue {
  readonly #window: MainWindow;
  readonly #writing: Writing;
  #lastAt = Number.NEGATIVE_INFINITY;

  constructor(window: MainWindow, writing: Writing) {
    this.#window = window;
    this.#writing = writing;
  }

  async crashed(reason: string): Promise<void> {
    console.error("the window's process ended:", reason);
    const isAgain = performance.now() - this.#lastAt < soonMs;
    this.#lastAt = performance.now();
    if (!isAgain) this.#window.reload();
    const { browserWindow } = this.#window;
    if (browserWindow === undefined) return;
    const { response } = await dialog.showMessageBox(browserWindow, {
      type: "warning",
      title: app.name,
      message: isAgain
        ? "The window stopped working again"
        : "The window stopped working and was loaded anew",
      detail: `${imagesText(this.#writing())} A scan that was running has to be started again.\n\nReason: ${reason}`,
      buttons: isAgain ? ["Reload", "Quit"] : ["Continue"],
      defaultId: 0,
    });
    if (!isAgain) return;
    if (response === 0) this.#window.reload();
    else app.quit();
  }
}
