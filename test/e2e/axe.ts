// The rules of axe over what a page shows.
import AxeBuilder from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

/** In the theme that is shown. */
export async function expectNoViolations(page: Page, theme?: string): Promise<void> {
  // Electron can't open the extra page that the default mode wants.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join("\n")}`);
  expect(found, theme).toEqual([]);
}

/** The page stays dark. */
export async function expectNoViolationsInBothThemes(page: Page): Promise<void> {
  for (const theme of ["light", "dark"]) {
    await page.evaluate((shown) => document.documentElement.setAttribute("data-theme", shown), theme);
    await expectNoViolations(page, theme);
  }
}
