// npm run icons: assets/icons/png/*.png, icon.ico and icon.icns from the two drawings. The results are committed.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { icns, ico } from "./icons/containers.mjs";
import { ensurePackages } from "./setup/packages.mjs";
import { inRoot } from "./setup/paths.mjs";
import { runMain, say, step } from "./setup/say.mjs";

const sizes = [16, 24, 32, 48, 64, 96, 128, 256, 512, 1024];

/** Sizes too small for the full drawing. */
const small = [16, 24, 32, 48];

await runMain(async () => {
  await step("packages", ensurePackages);
  const { Resvg } = await import("@resvg/resvg-js");
  const pictures = await Promise.all(
    sizes.map(async (size) => {
      const source = inRoot("assets/icons", small.includes(size) ? "icon-small.svg" : "icon.svg");
      const svg = await readFile(source, "utf8");
      return { size, png: new Resvg(svg, { fitTo: { mode: "width", value: size } }).render().asPng() };
    }),
  );
  await mkdir(inRoot("assets/icons/png"), { recursive: true });
  // electron-builder and Linux desktops read the size from the name.
  await Promise.all(
    pictures.map(({ size, png }) => writeFile(inRoot(`assets/icons/png/${size}x${size}.png`), png)),
  );
  await writeFile(inRoot("assets/icons/icon.ico"), ico(pictures.filter(({ size }) => size <= 256)));
  await writeFile(inRoot("assets/icons/icon.icns"), icns(pictures));
  say(`icons: ${sizes.length} PNG, icon.ico, icon.icns`);
});
