// A recent item in words, and opening it again.
import type { RecentItem } from "../../electron/ipc/contract.ts";
import { openFiles } from "../shell/openFlows.ts";
import { pairSign } from "../widgets/longNames.ts";

/** "disk.qed", or "disk.qed ⇄ disk.raw". */
export const recentTitle = (item: RecentItem): string => item.files.map((file) => file.name).join(pairSign);

/** The folders of the item, each once. */
export const recentFolders = (item: RecentItem): string =>
  [...new Set(item.files.map((file) => file.folder))].join(pairSign);

export const openRecent = (item: RecentItem): void =>
  void openFiles(item.files, item.files.length === 2 ? "compare" : "hex");
