// The native menu in place: built from its template, rebuilt when the recent list changes, and kept in step with
// what the page says can run.
import { Menu } from "electron";
import type { RecentItem } from "./ipc/contract.ts";
import { commandItem, type MenuContext, menuTemplate } from "./menuTemplate.ts";

/** Entries of File > Open recent. */
const shownRecent = 10;

export class AppMenu {
  readonly #context: Omit<MenuContext, "recent">;
  readonly #open: (item: RecentItem) => void;
  #recent: readonly RecentItem[] = [];
  #enabled: ReadonlySet<string> = new Set();
  #checked: ReadonlySet<string> = new Set();

  constructor(context: Omit<MenuContext, "recent">, open: (item: RecentItem) => void) {
    this.#context = context;
    this.#open = open;
    this.#build();
  }

  showRecent(items: readonly RecentItem[]): void {
    this.#recent = items.filter(({ missing }) => !missing).slice(0, shownRecent);
    this.#build();
  }

  showCommands(enabled: ReadonlySet<string>, checked: ReadonlySet<string>): void {
    this.#enabled = enabled;
    this.#checked = checked;
    const menu = Menu.getApplicationMenu();
    if (menu !== null) this.#mark(menu);
  }

  #build(): void {
    const recent = this.#recent.map((item) => ({
      label: item.files.map(({ name }) => name).join(" ⇄ "),
      open: () => this.#open(item),
    }));
    const menu = Menu.buildFromTemplate(menuTemplate({ ...this.#context, recent }));
    this.#mark(menu);
    Menu.setApplicationMenu(menu);
  }

  #mark(menu: Menu): void {
    for (const item of menu.items.flatMap(({ submenu }) => submenu?.items ?? [])) {
      if (!item.id?.startsWith(commandItem)) continue;
      const id = item.id.slice(commandItem.length);
      item.enabled = this.#enabled.has(id);
      if (item.type === "checkbox") item.checked = this.#checked.has(id);
    }
  }
}
