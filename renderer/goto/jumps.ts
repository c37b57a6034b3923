// Jumps by expression: carrying one out, the last 20, and the last relative one for repeating.
import { create } from "zustand";
import { runCommand, runnerOf } from "../commands/registry.ts";
import { usePrefs } from "../store/prefs.ts";
import { type Surface, useSurface } from "../store/surface.ts";
import { useView } from "../store/view.ts";
import { evaluate, type GoToContext, type GoToResult, type Target } from "./expression.ts";

const keptJumps = 20;
/** How long to wait for a panel to change its address space. */
const spaceChangeMs = 2000;

interface JumpsStore {
  readonly lastRelative: string | undefined;
}
export const useJumps = create<JumpsStore>()(() => ({ lastRelative: undefined }));

/** What an expression is measured against: the surface, and the caret it is relative to. */
export function contextOf(surface: Surface, caret: number): GoToContext {
  const guest = surface.space === "guest" ? surface.extent : surface.image.size;
  const file = surface.space === "file" ? surface.extent : surface.image.fileSize;
  return { caret, space: surface.space, sizes: { guest, file }, clusterSize: surface.clusterSize };
}

/** Evaluates at the present caret. */
export function evaluateHere(text: string, surface: Surface): GoToResult {
  return evaluate(text, contextOf(surface, surface.view.getState().caret));
}

/** Goes to a target and remembers the expression. False when its space cannot be shown in this view. */
export async function jump(text: string, target: Target, surface: Surface): Promise<boolean> {
  const there = target.space === surface.space ? surface : await changeSpace(target.space);
  if (!there) return false;
  there.view.jumpTo(target.offset, there.rows);
  remember(text.trim(), target.relative);
  return true;
}

function remember(text: string, relative: boolean): void {
  const { jumps, set } = usePrefs.getState();
  set({ jumps: [text, ...jumps.filter((other) => other !== text)].slice(0, keptJumps) });
  if (relative) useJumps.setState({ lastRelative: text });
}

/** Repeats the last relative jump from where the caret is now. */
export function repeatJump(): void {
  const { lastRelative } = useJumps.getState();
  const { surface } = useSurface.getState();
  if (lastRelative === undefined || !surface) return;
  const result = evaluateHere(lastRelative, surface);
  if (result.ok) void jump(lastRelative, result.target, surface);
  else useView.getState().say(`${lastRelative}: ${result.message}`);
}

/** Whether the view that shows can switch between guest and file offsets. */
export function canChangeSpace(): boolean {
  const runner = runnerOf("view.space");
  return runner !== undefined && runner.disabled === undefined;
}

/** Switches the panel between guest and file space; undefined when it has only one. */
function changeSpace(space: Surface["space"]): Promise<Surface | undefined> {
  if (!runCommand("view.space")) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const finish = (surface: Surface | undefined) => {
      clearTimeout(timer);
      stop();
      resolve(surface);
    };
    const timer = setTimeout(() => finish(undefined), spaceChangeMs);
    const check = () => {
      const { surface } = useSurface.getState();
      if (surface?.space === space) queueMicrotask(() => finish(surface));
    };
    const stop = useSurface.subscribe(check);
    check();
  });
}
