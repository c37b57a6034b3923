import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { channels } from "../../../electron/ipc/contract.ts";
import { handlers } from "../../../electron/ipc/handlers/table.ts";
import { isChannelName, isEventName } from "../../../electron/ipc/names.ts";

describe("the names the page may use", () => {
  it("are those of the contract, and each has a handler", () => {
    for (const name of Object.keys(channels)) expect([name, isChannelName(name)]).toEqual([name, true]);
    expect(Object.keys(handlers).sort()).toEqual(Object.keys(channels).sort());
  });

  it.each([["blkscope:file"], ["toString"], ["__proto__"], [""], [undefined], [{}]])(
    "do not have %j",
    (name) => {
      expect([isChannelName(name), isEventName(name)]).toEqual([false, false]);
    },
  );
});

it("the preload script carries no schema library, and loads nothing but electron", async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: ["electron/preload.ts"],
    bundle: true,
    format: "cjs",
    platform: "node",
    external: ["electron"],
    minify: true,
    write: false,
    metafile: true,
  });
  expect(Object.keys(metafile.inputs).sort()).toEqual(["electron/ipc/names.ts", "electron/preload.ts"]);
  const [script] = outputFiles;
  expect(script?.text.match(/require\("[^"]*"\)/g)).toEqual(['require("electron")']);
});
