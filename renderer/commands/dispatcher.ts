// Turns key presses and native menu choices into commands. Listens after the focused view had its say, so a
// grid keeps its own arrows; a text field keeps its editing keys; an open dialog keeps everything else.
import type { CommandId } from "../../electron/commandTable.ts";
import { commandTable } from "../../electron/commandTable.ts";
import { on } from "../api.ts";
import { useView } from "../store/view.ts";
import { type Binding, bindingsFor, bindingsOf, prefixOf } from "./keymap.ts";
import { belongsToTextField, type Platform } from "./keys.ts";
import { runCommand, runnerOf } from "./registry.ts";

const gridSelector = '[role="grid"], [role="treegrid"], [role="listbox"], [data-context="grid"]';
/** What a modal overlay lets through: another overlay may take its place. */
const throughDialogs: ReadonlySet<CommandId> = new Set(["view.palette", "view.quickOpen"]);

/** Starts listening; returns the way to stop. */
export function listenForCommands(platform: Platform): () => void {
  const bindings = bindingsFor(platform);
  const onKeyDown = (event: KeyboardEvent) => handleKey(event, bindings);
  window.addEventListener("keydown", onKeyDown);
  document.addEventListener("copy", copyBytes);
  const stopMenu = on("command:run", ({ id }) => {
    if (id === "edit.selectAll" && document.activeElement instanceof HTMLInputElement) {
      document.activeElement.select();
    } else if (isCommand(id)) runOrSay(id);
  });
  return () => {
    window.removeEventListener("keydown", onKeyDown);
    document.removeEventListener("copy", copyBytes);
    stopMenu();
  };
}

/** The first letter of a sequence ("G M") waits this long for the next, milliseconds. */
const sequenceMs = 1500;
let pending: { readonly letter: string; readonly at: number } | undefined; // when it was pressed: the page may be busy

/** Takes the letter that waited for this key; one that waited too long is nothing. */
function takePending({ timeStamp }: KeyboardEvent): string | undefined {
  const waited = pending;
  pending = undefined;
  return waited && timeStamp - waited.at < sequenceMs ? waited.letter : undefined;
}

function handleKey(event: KeyboardEvent, bindings: readonly Binding[]): void {
  if (event.defaultPrevented || event.isComposing || event.getModifierState("AltGraph")) return;
  const target = event.target instanceof Element ? event.target : undefined;
  const inText = isTextField(target);
  const inGrid = !inText && target?.closest(gridSelector) != null;
  const waiting = takePending(event);
  const sequence = waiting === undefined ? [] : bindingsOf(event, bindings, inGrid, waiting);
  const prefix = inText || modalOpen() ? undefined : prefixOf(event, bindings, inGrid);
  if (sequence.length === 0 && prefix !== undefined) {
    pending = { letter: prefix, at: event.timeStamp };
    event.preventDefault();
    return;
  }
  const plain = sequence.length > 0 ? sequence : bindingsOf(event, bindings, inGrid);
  const meant = plain.filter(
    ({ id, chord }) => (!inText || !belongsToTextField(chord)) && (!modalOpen() || throughDialogs.has(id)),
  );
  for (const { id } of meant) {
    if (runCommand(id)) {
      event.preventDefault();
      return;
    }
  }
  const [first] = meant;
  if (!first || event.key === "Escape") return;
  event.preventDefault();
  runOrSay(first.id);
}

/** Edit, Copy of the native menu: bytes are no text the page could copy by itself. */
function copyBytes(event: ClipboardEvent): void {
  const selected = getSelection()?.isCollapsed === false;
  if (selected || isTextField(document.activeElement ?? undefined)) return;
  if (runCommand("edit.copy")) event.preventDefault();
}

/** Runs the command, or says quietly why it cannot run. */
export function runOrSay(id: CommandId): void {
  if (runCommand(id)) return;
  const label = commandTable.find((command) => command.id === id)?.label.replace("…", "");
  useView.getState().say(`${label}: ${runnerOf(id)?.disabled ?? "not available in this view"}`);
}

function modalOpen(): boolean {
  const { overlay } = useView.getState();
  return overlay !== undefined && overlay.kind !== "goto";
}

function isTextField(element: Element | undefined): boolean {
  if (element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement) return true;
  if (element instanceof HTMLElement && element.isContentEditable) return true;
  const notText = ["button", "checkbox", "radio", "range", "submit", "reset", "color", "file"];
  return element instanceof HTMLInputElement && !notText.includes(element.type);
}

const isCommand = (id: string): id is CommandId => commandTable.some((command) => command.id === id);
