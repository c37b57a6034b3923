// The renderer is built from whatever folder a command is called in (`blkscope diff` builds a clone).
import { existsSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import config from "../../vite.config.ts";

it("finds the renderer from any working folder", () => {
  const root = (config as { root?: string }).root ?? "";
  expect(path.isAbsolute(root)).toBe(true);
  expect(existsSync(path.join(root, "index.html"))).toBe(true);
});
