// The theme in force: the person's choice, else the system's, followed live. CSS reads data-theme on <html>;
// canvases watch the same attribute and repaint.
import { call } from "../api.ts";
import { usePrefs } from "../store/prefs.ts";

/** Puts the theme on <html> now and whenever choice or system change. */
export function followTheme(): void {
  const systemDark = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const { theme } = usePrefs.getState();
    const dark = theme === "dark" || (theme === "system" && systemDark.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  };
  apply();
  systemDark.addEventListener("change", apply);
  usePrefs.subscribe((now, before) => {
    if (now.theme === before.theme) return;
    apply();
    // Native menus and the title bar follow; the page itself needs no answer.
    void call("app:theme", now.theme).catch(() => undefined);
  });
}
