// Every way a file comes in (start, dialog, drop, recent, sample, second launch) and goes out (closed tabs).
// One image opens a hex tab, two a compare tab. An image stays open as long as a tab shows it.
import { toPlain } from "../../core/base/errors.ts";
import type { NodeSummary } from "../../core/jobs/sessionContract.ts";
import type { AppInfo, FileRef, OpenedImage } from "../../electron/ipc/contract.ts";
import { call, on } from "../api.ts";
import { plainRows } from "../hex/model.ts";
import { sessionOf } from "../panels/compare/sessions.ts";
import { viewsOf } from "../panels/hex/views.ts";
import { mapSessionOf } from "../panels/map/session.ts";
import { useApp } from "../store/app.ts";
import { type OpenHow, useImages } from "../store/images.ts";
import { usePrefs } from "../store/prefs.ts";
import {
  compareTab,
  hexTab,
  journalTab,
  mapTab,
  repairTab,
  type Tab,
  timelineTab,
  tokensOf,
  useView,
  votesTab,
} from "../store/view.ts";

/** Formats with tables, and raw. */
const formats: ReadonlySet<string> = new Set(["raw", "qed", "qcow2"]);

/** Files of closed tabs, so that a tab can be opened again. */
const known = new Map<string, FileRef>();

/** Opens images as hex tabs, or exactly two as a comparison; logs of writes and journals as what they are. */
export async function openFiles(files: readonly FileRef[], view: "hex" | "compare"): Promise<void> {
  useApp.getState().refuse(undefined);
  for (const journal of files.filter(isJournal)) useView.getState().openTab(journalTab(journal));
  const others = files.filter((file) => !isJournal(file));
  const areLogs = await detectLogs(others);
  // Two logs chosen together to be compared are compared, byte by byte.
  const isPair = view === "compare" && others.length === 2;
  const logs = isPair && areLogs.every(Boolean) ? [] : others.filter((_, index) => areLogs[index]);
  const images = others.filter((file) => !logs.includes(file));
  await Promise.all([...logs.map(openLog), openImageFiles(images, view)]);
}

/** Which of the files are logs of writes; none where that can't be told. */
function detectLogs(files: readonly FileRef[]): Promise<readonly boolean[]> {
  if (files.length === 0) return Promise.resolve([]);
  return call(
    "log:detect",
    files.map(({ token }) => token),
  ).catch(() => []);
}

/** Shows a log's timeline. As an image its file is bytes without a format. */
async function openLog(file: FileRef): Promise<void> {
  known.set(file.token, file);
  const opening = useImages.getState().open(file, { format: "raw" });
  useView.getState().openTab(timelineTab(file.token));
  await opening;
  if (isOpen(file.token)) await useApp.getState().remember([file]);
}

/** Asks for a log of writes; a file that is none is shown as such, with what is wrong with it. */
export async function openLogByDialog(): Promise<void> {
  const files = await choose("Open write log", true);
  await Promise.all(files.map(openLog));
}

/** Opens the disk as it was at a moment of a log: as bytes, as a map, or beside another image. */
export async function openState(
  file: FileRef,
  as: { readonly kind: "hex" | "map" } | { readonly kind: "compare"; readonly other: FileRef },
): Promise<void> {
  if (as.kind === "compare") return comparePair(file, as.other);
  if (as.kind === "hex") return openOne(file, false);
  await openImage(file);
  const image = useImages.getState().byToken[file.token];
  if (image?.kind === "open") showMap(file.token, image.image);
  else await openOne(file, false);
}

/** An undo journal is opened as what it is, not as an image. */
const isJournal = ({ name }: FileRef) => name.endsWith(".blkscope-undo");

async function openImageFiles(files: readonly FileRef[], view: "hex" | "compare"): Promise<void> {
  const [a, b] = files;
  if (!a) return;
  if (view === "compare" && b && files.length === 2) return openPair(a, b);
  await Promise.all(files.map((file) => openOne(file)));
}

/** Graphs are not for the recent list: their tokens are worth something in this run of the app only. */
async function openOne(file: FileRef, remembered = true): Promise<void> {
  const opening = openImage(file);
  useView.getState().openTab(hexTab(file.token));
  await opening;
  if (remembered && isOpen(file.token)) await useApp.getState().remember([file]);
}

async function openPair(a: FileRef, b: FileRef): Promise<void> {
  const opening = [openImage(a), openImage(b)];
  useView.getState().openTab(compareTab(a.token, b.token));
  await Promise.all(opening);
  if (a.isGraph || b.isGraph) return;
  if (isOpen(a.token) && isOpen(b.token)) await useApp.getState().remember([a, b]);
}

/** Opens an image without a tab of its own; one that is open stays as it is. */
export function openImage(file: FileRef, how: OpenHow = {}): Promise<void> {
  known.set(file.token, file);
  return useImages.getState().open(file, how);
}

const isOpen = (token: string) => useImages.getState().byToken[token]?.kind === "open";

/** Shows a graph that was just opened: a quorum as a map of its votes, anything else as bytes above its nodes. */
export function openGraphFile(file: FileRef, image: OpenedImage): void {
  useApp.getState().refuse(undefined);
  known.set(file.token, file);
  if (showVotes(file.token, image)) return;
  const { openTab, shown, toggle } = useView.getState();
  openTab(hexTab(file.token));
  if (!shown.graphPanel) toggle("graphPanel");
}

/** Shows the vote map of the image's quorum; false where it has none. */
export function showVotes(token: string, { nodes }: OpenedImage): boolean {
  const quorum = nodes.find(({ driver }) => driver === "quorum");
  if (quorum) useView.getState().openTab(votesTab(token, quorum.path));
  return quorum !== undefined;
}

/** Shows the map of an image's clusters: of its top format, or of the node given; at a byte of the file if one is. */
export function showMap(token: string, { nodes }: OpenedImage, at?: { node: string; offset: number }): void {
  const path = at?.node ?? mappedNode(nodes);
  const tab = mapTab(token, path);
  if (at !== undefined) mapSessionOf(tab.id, path).goTo(at.offset);
  useView.getState().openTab(tab);
}

/** The nearest format below the root that has a file of its own; the root where there is none. */
function mappedNode(nodes: readonly NodeSummary[]): string {
  const hasFile = (path: string) =>
    nodes.some((node) => node.path === (path === "" ? "file" : `${path}/file`));
  const isFormat = ({ driver, path }: NodeSummary) => formats.has(driver) && hasFile(path);
  return nodes.find(isFormat)?.path ?? "";
}

/** The comparison in which an image is, the latest one; undefined where there is none. */
export function comparisonOf(token: string): Extract<Tab, { kind: "compare" }> | undefined {
  const isSuch = (tab: Tab) => tab.kind === "compare" && (tab.a === token || tab.b === token);
  return useView.getState().tabs.findLast(isSuch) as Extract<Tab, { kind: "compare" }> | undefined;
}

/** Shows a byte of an image's guest disk in its comparison; false where it is in none. */
export function showInComparison(token: string, offset: number): boolean {
  const tab = comparisonOf(token);
  if (!tab) return false;
  const session = sessionOf(tab.id);
  // A's x is compared with B's x + shift; places are told by A's.
  const shift = tab.a === token ? 0 : session.store.getState().shift;
  session.goTo(Math.max(0, offset - shift));
  useView.getState().openTab(tab);
  return true;
}

/** Shows a node of an open image as bytes, at a place if one is given. */
export function showNode(token: string, node: NodeSummary, offset?: number): void {
  const tab = hexTab(token);
  const views = viewsOf(tab.id);
  const space = node.path === "" ? "guest" : node.path === "file" ? "file" : "node";
  views.space.setState({ space, node: node.path });
  if (offset !== undefined) {
    views.at(node.path).jumpTo(offset, plainRows(node.size, usePrefs.getState().bytesPerRow));
  }
  useView.getState().openTab(tab);
}

/** Asks for one image or more; two chosen together are compared. */
export async function openByDialog(): Promise<void> {
  const files = await choose("Open image", true);
  await openFiles(files, files.length === 2 ? "compare" : "hex");
}

/** Asks for two images; when only one was chosen, asks for the other. */
export async function compareByDialog(): Promise<void> {
  const [a, b, ...more] = await choose("Choose two images to compare", true);
  if (!a) return;
  if (more.length > 0) {
    return useApp.getState().refuse(`Two images can be compared at a time; ${more.length + 2} were chosen.`);
  }
  if (b) return openFiles([a, b], "compare");
  await compareWithChosen(a);
}

/** Asks for the image to compare this one with. */
async function compareWithChosen(a: FileRef): Promise<void> {
  const [b, ...more] = await choose(`Choose the image to compare with ${a.name}`, false);
  if (b && more.length === 0) await comparePair(a, b);
}

/** Compares two images; the same file twice is refused with words. */
export async function comparePair(a: FileRef, b: FileRef): Promise<void> {
  if (a.token === b.token) {
    return useApp.getState().refuse(`${a.name} was chosen twice. Choose another image to compare it with.`);
  }
  useApp.getState().refuse(undefined);
  await openImageFiles([a, b], "compare");
}

/** "Compare with…": the active image against one to be chosen; with several open, the dialog offers them. */
export function compareWith(): void {
  const open = openImages();
  const current = activeFile();
  if (open.length > 1) useView.getState().show({ kind: "compareWith" });
  else if (current) void compareWithChosen(current);
  else void compareByDialog();
}

/** Files of the images that are open, in the order of their opening. */
export function openImages(): readonly FileRef[] {
  return Object.values(useImages.getState().byToken)
    .filter((state) => state.kind === "open")
    .map((state) => state.file);
}

/** The file of the active hex tab, or A of the active comparison. */
export function activeFile(): FileRef | undefined {
  const { tabs, active } = useView.getState();
  const tab = tabs.find((candidate) => candidate.id === active);
  const token = tab && tokensOf(tab)[0];
  return token === undefined ? undefined : useImages.getState().byToken[token]?.file;
}

async function choose(title: string, multiple: boolean): Promise<readonly FileRef[]> {
  try {
    return await call("files:choose", { title, multiple });
  } catch (error) {
    useApp.getState().refuse(`The file dialog could not be shown: ${toPlain(error).message}`);
    return [];
  }
}

/** Shows the repair wizard of an image: of the one given, the active one, or the one to be chosen. */
export async function openRepair(file: FileRef | undefined = activeFile()): Promise<void> {
  const [chosen] = file ? [file] : await choose("Choose the image to repair", false);
  if (!chosen) return;
  if (isJournal(chosen)) return useView.getState().openTab(journalTab(chosen));
  const opening = openImage(chosen);
  useView.getState().openTab(repairTab(chosen.token));
  await opening;
}

/** Asks for an undo journal and shows what it holds. */
export async function undoRepairByDialog(): Promise<void> {
  const [journal] = await choose("Choose an undo journal (.blkscope-undo)", false);
  if (journal) useView.getState().openTab(journalTab(journal));
}

/** Closes a tab, and every image that no other tab shows. */
export function closeTab(id: string): void {
  const tab = useView.getState().tabs.find((candidate) => candidate.id === id);
  if (!tab) return;
  useView.getState().closeTab(id);
  const shown = new Set(useView.getState().tabs.flatMap(tokensOf));
  for (const token of tokensOf(tab)) if (!shown.has(token)) void useImages.getState().close(token);
}

/** Closes an image and every tab that shows it. */
export function closeImage(token: string): void {
  for (const tab of useView.getState().tabs) if (tokensOf(tab).includes(token)) closeTab(tab.id);
  if (useImages.getState().byToken[token]) void useImages.getState().close(token);
}

/** Opens the last closed tab again, and its images. */
export function reopenTab(): void {
  const [tab] = useView.getState().closed;
  if (!tab) return;
  for (const token of tokensOf(tab)) {
    const file = known.get(token);
    if (file) void openImage(file);
  }
  useView.getState().reopenTab();
}

/** Shows an image as bytes: its own tab, beside any comparison it is part of. */
export function showHex(tab: Tab | undefined): void {
  const [token] = tab ? tokensOf(tab) : [];
  if (token !== undefined) useView.getState().openTab(hexTab(token));
}

/** What the command line asked for, and what later launches hand over. */
export function listenForFiles(info: AppInfo): void {
  on("files:opened", ({ files, view }) => void openFiles(files, view));
  const { files, view } = info.startup;
  if (view !== "welcome") void openFiles(files, view);
}
