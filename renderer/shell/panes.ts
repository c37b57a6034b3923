// F6: moves the focus from pane to pane. A pane is an element with data-pane; it takes the focus itself or
// gives it to the element it last held it on, else to its first focusable one.

const focusable =
  'a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), [tabindex]:not([tabindex="-1"])';
const lastFocus = new WeakMap<Element, HTMLElement>();

/** Remembers where the focus was in each pane; returns the way to stop. */
export function followPaneFocus(): () => void {
  const onFocus = (event: FocusEvent) => {
    if (!(event.target instanceof HTMLElement)) return;
    const pane = event.target.closest("[data-pane]");
    if (pane) lastFocus.set(pane, event.target);
  };
  document.addEventListener("focusin", onFocus);
  return () => document.removeEventListener("focusin", onFocus);
}

/** Focuses the next pane (`by` 1) or the previous one (-1), around the end; panes that cannot take it are passed. */
export function cyclePane(by: 1 | -1): void {
  const panes = [...document.querySelectorAll<HTMLElement>("[data-pane]")].filter(isVisible);
  const current = document.activeElement?.closest("[data-pane]");
  const start = current instanceof HTMLElement ? panes.indexOf(current) : by > 0 ? -1 : panes.length;
  for (let step = 1; step <= panes.length; step++) {
    const pane = panes[(start + by * step + panes.length * 2) % panes.length];
    if (pane && focusPane(pane)) return;
  }
}

function focusPane(pane: HTMLElement): boolean {
  const before = lastFocus.get(pane);
  const candidates = [
    before && pane.contains(before) ? before : undefined,
    pane.tabIndex >= 0 ? pane : undefined,
    ...pane.querySelectorAll<HTMLElement>(focusable),
  ];
  const target = candidates.find((element) => element && isVisible(element) && !element.matches(":disabled"));
  target?.focus();
  return target !== undefined && document.activeElement === target;
}

const isVisible = (element: HTMLElement) => element.getClientRects().length > 0;
