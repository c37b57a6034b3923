// What stands behind the window: session, jobs, recent list, menu, and the answers to the page's calls. Loaded
// after the window was made, while its process starts, so that the window does not wait for it.
import * as path from "node:path";
import type { IpcMainInvokeEvent } from "electron";
import { app } from "electron";
import type { Result } from "../core/base/errors.ts";
import { startJob } from "../core/jobs/client.ts";
import { SessionClient } from "../core/jobs/sessionClient.ts";
import { type Opening, viewOf } from "./args.ts";
import { CloseGuard } from "./closing.ts";
import { type AppFacts, type Context, startupOf } from "./context.ts";
import { type DesktopOptions, ElectronDesktop, platform } from "./electronDesktop.ts";
import { checkedPath, displayText, FileTokens } from "./files.ts";
import { GraphTokens } from "./graphs.ts";
import type { FileRef } from "./ipc/contract.ts";
import { handle, isOurPage, refused, resultOf } from "./ipc/handle.ts";
import { handlers } from "./ipc/handlers/table.ts";
import { JobBoard } from "./jobs.ts";
import { AppMenu } from "./menu.ts";
import { RecentList } from "./recent.ts";
import { ImageSession } from "./session.ts";

export interface BackendOptions extends Omit<DesktopOptions, "menu"> {
  readonly startup: Opening;
}

export class Backend {
  readonly #options: BackendOptions;
  readonly #context: Context;
  readonly #closing: CloseGuard;

  constructor(options: BackendOptions) {
    this.#options = options;
    const { emit } = options.window.events;
    const files = new FileTokens();
    const graphs = new GraphTokens(files);
    const session = new ImageSession(
      { files, graphs },
      emit,
      (onLost, onNotice) => new SessionClient(onLost, undefined, onNotice),
    );
    // With nothing to open yet, the processors are the page's until it stands.
    if (options.startup.files.length > 0) session.warmUp();
    const menu = new AppMenu(
      { platform: platform(), development: options.development, run: (id) => emit("command:run", { id }) },
      (item) => this.#show(item.files),
    );
    const onReady = () => {
      session.warmUp();
      options.onReady();
    };
    const desktop = new ElectronDesktop({ ...options, menu, onReady });
    app.setAboutPanelOptions(aboutPanel(desktop.facts));
    this.#context = {
      desktop,
      files,
      graphs,
      session,
      recent: new RecentList(path.join(app.getPath("userData"), "recent.json"), files),
      jobs: new JobBoard(emit, startJob, desktop),
      startup: startupOf(options.startup, files),
    };
    this.#closing = new CloseGuard(this.#context.jobs, {
      askToStop: (titles) => desktop.askToStop(titles),
      close: () => options.window.browserWindow?.close(),
    });
    void this.#context.recent.items().then((items) => menu.showRecent(items));
  }

  /** Answers a call of the page. */
  call(event: IpcMainInvokeEvent, name: unknown, request: unknown): Promise<Result<unknown>> {
    if (!isOurPage(event, this.#options.window.ownPage)) return refused();
    return handle(handlers, this.#context, name, request);
  }

  /** Answers the preload script with the token of a dropped file. */
  dropped(event: IpcMainInvokeEvent, file: unknown): Promise<Result<FileRef>> {
    if (!isOurPage(event, this.#options.window.ownPage)) return refused();
    return resultOf(() => this.#context.files.refOf(checkedPath(file)));
  }

  /** Files that another launch or the system hands over. */
  opened({ files, view }: Opening): void {
    this.#show(
      files.map((file) => this.#context.files.refOf(file)),
      view,
    );
  }

  /** Titles of the jobs that write to an image now, as they are shown. */
  get writing(): readonly string[] {
    return this.#context.jobs.writing.map(displayText);
  }

  /** Whether the window may close now: not while a repair writes. */
  mayClose(): boolean {
    return this.#closing.mayClose();
  }

  /** The page is gone, and with it all it had open or running but what writes. One that is loaded anew begins with the same files. */
  pageGone(windowStays: boolean): void {
    const { jobs, session } = this.#context;
    const files = windowStays ? session.openFiles() : [];
    this.#context.startup = { files, view: viewOf(files.length) };
    jobs.reset();
    session.reset();
  }

  #show(files: readonly FileRef[], view = viewOf(files.length)): void {
    const { window } = this.#options;
    if (window.browserWindow === undefined) {
      this.#context.startup = { files, view };
      window.open();
    } else if (view !== "welcome") {
      window.events.emit("files:opened", { files, view });
    }
    window.focus();
  }
}

/** For systems that show a panel of their own; the page has a dialog with the same facts. */
function aboutPanel({ name, versions }: AppFacts): Electron.AboutPanelOptionsOptions {
  const { app: version, electron, chromium, node } = versions;
  return {
    applicationName: name,
    applicationVersion: version,
    version: `Electron ${electron}, Chromium ${chromium}, Node ${node}`,
  };
}
