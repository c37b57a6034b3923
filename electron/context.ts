// What the handlers work with: the app's parts, and the desktop behind an interface so that every handler runs
// in a test without Electron.
import type { Opening, View } from "./args.ts";
import type { FileTokens } from "./files.ts";
import type { GraphTokens } from "./graphs.ts";
import type { AppInfo, FileRef, RecentItem } from "./ipc/contract.ts";
import type { JobBoard } from "./jobs.ts";
import type { RecentList } from "./recent.ts";
import type { ImageSession } from "./session.ts";
import type { Theme } from "./windowState.ts";

export type AppFacts = Pick<AppInfo, "name" | "versions" | "platform" | "development">;

/** Everything that needs Electron or the system's desktop. */
export interface Desktop {
  readonly facts: AppFacts;
  /** Paths of the bundled sample pair, if it is there. */
  readonly samplePaths: readonly [string, string] | undefined;
  theme(): Theme;
  setTheme(theme: Theme): void;
  setTitle(title: string): void;
  /** The page stands and listens. */
  pageReady(): void;
  /** Ids of the commands that can run now, and of those that are on. */
  showCommands(enabled: ReadonlySet<string>, checked: ReadonlySet<string>): void;
  /** Shows the system's dialog; an empty list means it was dismissed. */
  chooseFiles(title: string, multiple: boolean): Promise<readonly string[]>;
  /** Where to save; undefined means the dialog was dismissed. */
  chooseSavePath(suggestedName: string, title?: string): Promise<string | undefined>;
  /** Asks in a dialog of main's own whether to run this very command on states of the log of that name. */
  askToRun(command: string, log: string): Promise<boolean>;
  copyText(text: string): void;
  /** The recent list changed: menus and the system's own lists follow. */
  showRecent(items: readonly RecentItem[], added: readonly string[]): void;
}

export interface Context {
  readonly desktop: Desktop;
  readonly files: FileTokens;
  readonly graphs: GraphTokens;
  readonly recent: RecentList;
  readonly session: ImageSession;
  readonly jobs: JobBoard;
  /** What the page opens when it starts. */
  startup: { files: readonly FileRef[]; view: View };
}

/** The files of a command line as the page gets them. */
export function startupOf({ files, view }: Opening, tokens: FileTokens): Context["startup"] {
  return { files: files.map((file) => tokens.refOf(file)), view };
}
