// The focus is never nowhere: a new panel gets it, and it goes on when what had it is gone, be it a button that was
// pressed, bytes that are opened again, or a dialog.
import { useView } from "../store/view.ts";

const grids =
  '[data-context="grid"][tabindex="0"], [role="grid"][tabindex="0"], [role="grid"] [tabindex="0"]';

const dialog = '[role="dialog"]';

/** The tab from which another one was opened, by a dialog or a command. */
const isLeftTab = (element: Element) =>
  element.role === "tab" &&
  element.closest('[data-pane="tabs"]') !== null &&
  element.ariaSelected === "false";

/** Focuses the first grid of these, else what an error among them offers to do. */
function focusIn(...places: readonly (Element | null)[]): void {
  const find = (what: string) =>
    places.map((place) => place?.querySelector<HTMLElement>(what)).find((found) => found != null);
  const target = find(grids) ?? find('[role="alert"] button');
  target?.focus({ preventScroll: true });
}

/**
 * Gives the focus to a new panel, and again whenever what had it in the panel is gone: a button that was pressed and
 * went away, bytes that are opened again. It goes to the panel's first grid, else to what an error offers to do, as
 * soon as either is there, unless something else took the focus meanwhile. Returns the way to stop.
 */
export function keepFocus(panel: HTMLElement): () => void {
  /** What had the focus in the panel last, and the pane it was in; undefined: it was elsewhere. */
  let last: { readonly element: Element; readonly pane: string | undefined } | undefined;
  let isNew = true;
  let soon: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    soon = undefined;
    const { activeElement } = document;
    if (activeElement !== null && activeElement !== document.body && !(isNew && isLeftTab(activeElement))) {
      isNew = false;
      return;
    }
    // A press beside everything that takes the focus takes it from what is still there: no reason to give it back.
    if (!isNew && (last === undefined || last.element.isConnected)) return;
    const own = last?.pane === undefined ? null : panel.querySelector(`[data-pane="${last.pane}"]`);
    focusIn(own, panel);
  };
  // After views that place the focus themselves have done so.
  const lookSoon = () => {
    soon ??= setTimeout(look, 0);
  };
  const onFocus = ({ target }: FocusEvent) => {
    isNew = false;
    // A dialog lies over the panel: whoever is in it goes on in the panel.
    if (target instanceof Element && target.closest(dialog)) return;
    last =
      target instanceof HTMLElement && panel.contains(target)
        ? { element: target, pane: target.closest<HTMLElement>("[data-pane]")?.dataset.pane }
        : undefined;
  };
  const observer = new MutationObserver(lookSoon);
  observer.observe(panel, { childList: true, subtree: true });
  document.addEventListener("focusin", onFocus);
  look();
  return () => {
    observer.disconnect();
    document.removeEventListener("focusin", onFocus);
    clearTimeout(soon);
  };
}

/** After a dialog's own way of giving the focus back, milliseconds. */
const afterDialogMs = 60;

/** What had the focus before the overlay opened. */
let opener: Element | undefined;

/** Gives the focus back to what had it before the overlay that closed, unless something else has it by now. */
export function giveFocusBack(): void {
  if (useView.getState().overlay !== undefined || document.activeElement !== document.body) return;
  if (opener instanceof HTMLElement && opener.isConnected) opener.focus({ preventScroll: true });
  else focusIn(document.querySelector('[role="tabpanel"]'));
}

/**
 * Gives the focus back to what had it before an overlay opened, also where one overlay took the place of another and
 * so knows only of it. Returns the way to stop.
 */
export function followOverlayFocus(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = useView.subscribe((now, before) => {
    if (now.overlay === before.overlay) return;
    clearTimeout(timer);
    if (now.overlay === undefined) {
      timer = setTimeout(giveFocusBack, afterDialogMs);
      return;
    }
    const { activeElement } = document;
    const isOutside = activeElement?.closest(dialog) === null && activeElement !== document.body;
    if (before.overlay === undefined && isOutside) opener = activeElement;
  });
  return () => {
    stop();
    clearTimeout(timer);
  };
}
