// The themes of the app as the canvas reads them, from the very style sheet: light, dark, and one of forced colours in
// which system colours are black, white and little else.
import { readFileSync } from "node:fs";
import { pixel, type Theme } from "../../../renderer/hex/theme.ts";

const css = readFileSync(new URL("../../../assets/styles/tokens.css", import.meta.url), "utf8");
const [lightBlock = "", rest = ""] = css.split(':root[data-theme="dark"] {', 2);
const [darkBlock = "", forcedBlock = ""] = rest.split("@media (forced-colors: active) {");

/** White on black but for what is disabled, linked or marked, as in a high-contrast theme. */
const system: Readonly<Record<string, number>> = {
  Canvas: pixel(0, 0, 0),
  CanvasText: pixel(255, 255, 255),
  GrayText: pixel(63, 242, 63),
  LinkText: pixel(128, 128, 255),
  Mark: pixel(255, 255, 0),
  MarkText: pixel(0, 0, 0),
  Highlight: pixel(26, 235, 255),
  HighlightText: pixel(0, 0, 0),
};

function colours(block: string): Map<string, number> {
  const found = [...block.matchAll(/--([a-z0-9-]+): (#[0-9a-f]{6}|[A-Z][A-Za-z]+);/g)];
  return new Map(
    found.map(([, name = "", value = ""]) => {
      const parts = [1, 3, 5].map((at) => Number.parseInt(value.slice(at, at + 2), 16));
      const [red = 0, green = 0, blue = 0] = parts;
      return [name, value.startsWith("#") ? pixel(red, green, blue) : (system[value] ?? 0)];
    }),
  );
}

function themeOf(...blocks: readonly string[]): Theme {
  const all = new Map(blocks.flatMap((block) => [...colours(block)]));
  const text = new Map([...all].map(([name, value]) => [name, `#${value.toString(16)}`]));
  return {
    pixel: Object.fromEntries(all) as Theme["pixel"],
    css: Object.fromEntries(text) as Theme["css"],
    fontFamily: "monospace",
    version: 1,
  };
}

export const themes: Readonly<Record<"light" | "dark" | "forced", Theme>> = {
  light: themeOf(lightBlock),
  dark: themeOf(lightBlock, darkBlock),
  forced: themeOf(lightBlock, forcedBlock),
};

/** A theme whose kinds have no colour at all: only shapes are left. */
export const colourless: Theme = {
  ...themes.light,
  pixel: Object.fromEntries(
    Object.entries(themes.light.pixel).map(([name, value]) => [
      name,
      name.startsWith("kind-") && name !== "kind-outline" ? pixel(255, 255, 255) : value,
    ]),
  ) as Theme["pixel"],
};

/** Letters without a browser: a bar whose place and length come from the character. */
export function plainLetters(letter: string, side: number): Uint8Array {
  const mask = new Uint8Array(side * side);
  const code = letter.codePointAt(0) ?? 0;
  for (let bit = 0; bit < 16; bit++) {
    if (Math.floor(code / 2 ** bit) % 2 === 1) mask[(bit % side) * side + Math.floor(bit / side) + 1] = 255;
  }
  return mask;
}
