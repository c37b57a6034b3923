import {
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Result } from "../../../core/base/errors.ts";
import { maxBackingDepth } from "../../../core/graph.ts";
import type { Context, Desktop } from "../../../electron/context.ts";
import { FileTokens } from "../../../electron/files.ts";
import { GraphTokens } from "../../../electron/graphs.ts";
import type { ChannelName, Reply, Request } from "../../../electron/ipc/contract.ts";
import { handle } from "../../../electron/ipc/handle.ts";
import { fileName } from "../../../electron/ipc/handlers/exports.ts";
import { handlers } from "../../../electron/ipc/handlers/table.ts";
import { RecentList } from "../../../electron/recent.ts";

/** A desktop that notes what it is asked and answers from `answers`. */
class FakeDesktop {
  readonly facts = {
    name: "Blkscope",
    versions: { app: "1", electron: "2", chromium: "3", node: "4", v8: "5" },
    platform: "linux" as const,
    development: false,
  };
  samplePaths: readonly [string, string] | undefined = ["/s/sample.qed", "/s/sample.raw"];
  readonly asked: unknown[][] = [];
  answers: { files: readonly string[]; savePath: string | undefined } = { files: [], savePath: undefined };
  theme = () => "dark" as const;
  readonly setTheme = this.#note("setTheme");
  readonly setTitle = this.#note("setTitle");
  readonly pageReady = this.#note("pageReady");
  readonly showCommands = this.#note("showCommands");
  readonly copyText = this.#note("copyText");
  readonly showRecent = this.#note("showRecent");
  chooseFiles = async (...given: unknown[]) => {
    this.asked.push(["chooseFiles", ...given]);
    return this.answers.files;
  };
  chooseSavePath = async (...given: unknown[]) => {
    this.asked.push(["chooseSavePath", ...given]);
    return this.answers.savePath;
  };

  askToRun = async () => false;

  #note(name: string) {
    return (...given: unknown[]): void => void this.asked.push([name, ...given]);
  }
}

let folder: string;
let desktop: FakeDesktop;
let files: FileTokens;
let context: Context;
let asked: unknown[][];
let openPaths: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "blkscope-handlers-"));
  desktop = new FakeDesktop();
  files = new FileTokens();
  asked = [];
  openPaths = [];
  const note =
    (name: string, answer?: unknown) =>
    (...given: unknown[]) => {
      asked.push([name, ...given]);
      return answer;
    };
  context = {
    desktop: desktop satisfies Desktop,
    files,
    graphs: new GraphTokens(files),
    recent: new RecentList(join(folder, "recent.json"), files),
    session: {
      open: note("open", { image: 4 }),
      close: note("close"),
      read: note("read", { bytes: new Uint8Array(2), bad: [] }),
      locate: note("locate", []),
      state: note("state", { kind: "same" }),
      sourceOf: (image: number) => {
        if (image > 9) throw new Error(`image ${image} is not open`);
        return { spec: `spec ${image}`, name: `disk${image}` };
      },
      openPaths: () => openPaths,
    } as unknown as Context["session"],
    jobs: {
      run: note("run", 8),
      runAsked: (...given: unknown[]) => {
        asked.push(["runAsked", ...given.slice(0, 3)]);
        return 9;
      },
      ask: note("ask", 5),
      cancel: note("cancel"),
    } as unknown as Context["jobs"],
    startup: { files: [files.refOf("/i/a.qed")], view: "hex" },
  };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function call<N extends ChannelName>(name: N, request?: Request<N>): Promise<Reply<N>> {
  const result = (await handle(handlers, context, name, request)) as Result<Reply<N>>;
  if (!result.ok) throw Object.assign(new Error(result.error.message), result.error);
  return result.value;
}
const tokenOf = (path: string) => files.refOf(path).token;
const noPaths = (value: unknown) => expect(JSON.stringify(value)).not.toContain(folder);

describe("calls about the app", () => {
  it("tell the page what it is part of and what to open", async () => {
    expect(await call("app:info")).toEqual({
      ...desktop.facts,
      checkedFormats: ["qed", "qcow2"],
      startup: context.startup,
      recent: [],
      sample: { a: files.refOf("/s/sample.qed"), b: files.refOf("/s/sample.raw") },
      theme: "dark",
    });
    desktop.samplePaths = undefined;
    expect((await call("app:info")).sample).toBeUndefined();
  });

  it("pass on readiness, theme, title and what can run", async () => {
    await call("app:ready");
    await call("app:theme", "light");
    await call("app:title", "disk.qed");
    await call("app:commands", { enabled: ["file.open"], checked: [] });
    expect(desktop.asked).toEqual([
      ["pageReady"],
      ["setTheme", "light"],
      ["setTitle", "disk.qed"],
      ["showCommands", new Set(["file.open"]), new Set()],
    ]);
  });
});

describe("calls about files", () => {
  it("answer the dialog's choice with tokens", async () => {
    desktop.answers.files = ["/i/a.qed", "/i/b.raw"];
    const chosen = await call("files:choose", { title: "Open image", multiple: true });
    expect(desktop.asked).toEqual([["chooseFiles", "Open image", true]]);
    expect(chosen.map(({ token }) => files.pathOf(token))).toEqual(["/i/a.qed", "/i/b.raw"]);
    desktop.answers.files = [];
    expect(await call("files:choose", { title: "Open image", multiple: false })).toEqual([]);
  });

  it("remember, forget and clear, and keep menus in step", async () => {
    const [a, b] = [tokenOf("/i/a"), tokenOf("/i/b")];
    await call("files:remember", [a, b]);
    await call("files:remember", [a]);
    expect((await call("files:recent")).map((item) => item.files.map(({ name }) => name))).toEqual([
      ["a"],
      ["a", "b"],
    ]);
    await call("files:forget", [a]);
    expect(await call("files:recent")).toHaveLength(1);
    await call("files:clearRecent");
    expect(await call("files:recent")).toEqual([]);
    expect(desktop.asked.map(([name, items, added]) => [name, (items as unknown[]).length, added])).toEqual([
      ["showRecent", 1, ["/i/a", "/i/b"]],
      ["showRecent", 2, ["/i/a"]],
      ["showRecent", 1, []],
      ["showRecent", 0, []],
    ]);
  });

  it("refuse tokens main never gave", async () => {
    const token = "5f0c9d1e-57f4-4a3e-9b5e-0123456789ab";
    await expect(call("files:remember", [token])).rejects.toMatchObject({ code: "EINVAL" });
    await expect(call("files:forget", [token])).rejects.toMatchObject({ code: "EINVAL" });
    await expect(call("files:remember", ["/etc/passwd"])).rejects.toMatchObject({ code: "EINVAL" });
  });
});

it("calls about images go to the session", async () => {
  const token = tokenOf("/i/a");
  await call("image:open", { token, format: "raw" });
  await call("image:open", { token });
  await call("image:read", { image: 4, node: "file", offset: 512, length: 1 << 20 });
  const deepest = `${"backing/".repeat(maxBackingDepth)}file`;
  await call("image:read", { image: 4, node: deepest, offset: 0, length: 1 });
  await call("image:locate", { image: 4, offset: 7 });
  await call("image:state", { image: 4, accept: true });
  await call("image:close", { image: 4 });
  expect(asked).toEqual([
    ["open", token, { format: "raw" }],
    ["open", token, {}],
    ["read", 4, "file", 512, 1 << 20],
    ["read", 4, deepest, 0, 1],
    ["locate", 4, 7],
    ["state", 4, true],
    ["close", 4],
  ]);
  await expect(
    call("image:read", { image: 4, node: "", offset: 0, length: (1 << 20) + 1 }),
  ).rejects.toMatchObject({
    code: "EINVAL",
  });
});

describe("calls about jobs", () => {
  const request = { a: 1, b: 2, strict: true, from: 512, shift: -512, rowsBefore: 3 };

  it("start a comparison of the two images' own files", async () => {
    expect(await call("job:compare", request)).toEqual({ job: 8 });
    expect(asked).toEqual([
      [
        "run",
        "compare",
        "disk1 ⇄ disk2",
        { a: "spec 1", b: "spec 2", strict: true, from: 512, shift: -512, rowsBefore: 3 },
      ],
    ]);
  });

  it("start nothing when an image is not open", async () => {
    await expect(call("job:compare", { ...request, b: 10 })).rejects.toMatchObject({
      message: "image 10 is not open",
    });
    expect(asked).toEqual([]);
  });

  it("start checks and maps of a node of an open image, and ask the map", async () => {
    expect(await call("job:check", { image: 3, node: "" })).toEqual({ job: 8 });
    expect(await call("job:map", { image: 3, node: "backing" })).toEqual({ job: 9 });
    expect(
      await call("map:next", { job: 9, from: 1, kinds: ["leaked"], backwards: false, order: "file" }),
    ).toBe(5);
    expect(asked).toEqual([
      ["run", "check", "Check of disk3", { spec: "spec 3", node: "" }],
      ["runAsked", "map", "Map of disk3", { spec: "spec 3", node: "backing" }],
      ["ask", 9, "map", "next", { from: 1, kinds: ["leaked"], backwards: false, order: "file" }],
    ]);
    await expect(
      call("map:next", { job: 9, from: 1, kinds: ["no kind"] as never, backwards: false, order: "file" }),
    ).rejects.toThrow("map:next");
  });

  it("make a bundle where the person said, and never in place of an open image", async () => {
    const image = join(folder, "open.img");
    writeFileSync(image, "image");
    openPaths = [image];
    const place = join(folder, "b");
    const to = files.refOf(place).token;
    const request = { image: 3, node: "", redactNames: true };
    expect(await call("job:bundle", { ...request, to })).toEqual({ job: 8 });
    const params = { spec: "spec 3", node: "", to: place, redactNames: true, replace: true };
    expect(asked).toEqual([["run", "bundle", "Bundle of disk3", params]]);
    linkSync(image, place);
    await expect(call("job:bundle", { ...request, to })).rejects.toThrow("an image you have open");
  });

  it("cancel by number", async () => {
    await call("job:cancel", { job: 8 });
    expect(asked).toEqual([["cancel", 8]]);
  });
});

describe("saving an export", () => {
  const save = (content = "rows") => call("export:save", { suggestedName: "a ⇄ b.csv", content });

  it("writes where the person says, and tells the page the name alone", async () => {
    desktop.answers.savePath = join(folder, "rows é.csv");
    const answer = await save();
    expect(answer).toEqual({ name: "rows é.csv" });
    noPaths(answer);
    expect(readFileSync(join(folder, "rows é.csv"), "utf8")).toBe("rows");
    expect(readdirSync(folder)).toEqual(["rows é.csv"]);
    expect(desktop.asked).toEqual([["chooseSavePath", "a ⇄ b.csv"]]);
  });

  it("writes nothing when the dialog was dismissed", async () => {
    expect(await save()).toBeUndefined();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("replaces an older export, through a link too", async () => {
    writeFileSync(join(folder, "old.csv"), "older and longer");
    symlinkSync(join(folder, "old.csv"), join(folder, "link.csv"));
    desktop.answers.savePath = join(folder, "link.csv");
    await save();
    expect(readFileSync(join(folder, "old.csv"), "utf8")).toBe("rows");
  });

  it("never overwrites an open image, by whatever name it goes", async () => {
    const image = join(folder, "disk.raw");
    writeFileSync(image, "precious");
    linkSync(image, join(folder, "hard.csv"));
    symlinkSync(image, join(folder, "soft.csv"));
    openPaths = [image];
    for (const name of ["disk.raw", "hard.csv", "soft.csv"]) {
      desktop.answers.savePath = join(folder, name);
      await expect(save()).rejects.toMatchObject({ code: "EBUSY", message: expect.stringContaining(name) });
    }
    expect(readFileSync(image, "utf8")).toBe("precious");
  });

  it("never writes to what is not a file", async () => {
    desktop.answers.savePath = folder;
    await expect(save()).rejects.toMatchObject({ code: "EINVAL" });
    desktop.answers.savePath = "/dev/null";
    await expect(save()).rejects.toMatchObject({ code: "EINVAL" });
  });

  it("says why it could not write", async () => {
    desktop.answers.savePath = join(folder, "no such folder", "x.csv");
    await expect(save()).rejects.toMatchObject({ code: "ENOENT", message: expect.stringContaining("x.csv") });
  });

  it("suggests a name that file systems take", () => {
    expect(fileName("../a/b:c*?.csv")).toBe(".._a_b_c__.csv");
    expect(fileName("disk\n1 ⇄ x.csv")).toBe("disk_n1 ⇄ x.csv");
    expect(fileName("")).toBe("export");
  });
});

it("text goes to the clipboard", async () => {
  await call("clipboard:write", "00 01");
  expect(desktop.asked).toEqual([["copyText", "00 01"]]);
});

describe("calls about logs of writes", () => {
  it("tell logs by their first bytes, and nothing else is one", async () => {
    const [log, other] = [join(folder, "a.log"), join(folder, "b.raw")];
    writeFileSync(log, Buffer.from("rhswfsj\0more", "latin1"));
    writeFileSync(other, "rhswfsj");
    const tokens = [log, other, join(folder, "missing"), folder].map(tokenOf);
    expect(await call("log:detect", tokens)).toEqual([true, false, false, false]);
  });

  it("keep a snapshot as an image with a name for show, without its path", async () => {
    const spec = { driver: "qcow2", file: { driver: "file", filename: join(folder, "disk") } };
    context = {
      ...context,
      session: {
        fileOf: () => ({ path: join(folder, "disk"), format: "qcow2", name: "disk" }),
        sourceOf: () => ({ spec, name: "disk" }),
      } as unknown as Context["session"],
    };
    const file = await call("image:snapshot", { image: 3, snapshot: "1", label: "be\nfore" });
    expect(file).toMatchObject({ name: "disk at be\\nfore", isGraph: true });
    expect(context.graphs.get(file.token)).toMatchObject({
      options: { ...spec, snapshot: "1" },
      paths: [join(folder, "disk")],
    });
  });

  it("keep a state as an image with a name, without its path", async () => {
    context = {
      ...context,
      session: {
        fileOf: (image: number) => ({
          path: join(folder, `log${image}`),
          format: "raw",
          name: `log${image}`,
        }),
        sourceOf: (image: number) => ({
          spec: { driver: "raw", file: { driver: "file", filename: join(folder, `disk${image}`) } },
          name: `disk${image}`,
        }),
      } as unknown as Context["session"],
    };
    const file = await call("log:state", { image: 3, count: 18 });
    expect(file).toMatchObject({ name: "disk after entry 17 of log3", isGraph: true });
    expect(context.graphs.get(file.token)?.options).toEqual({
      driver: "logstate",
      log: { driver: "file", filename: join(folder, "log3") },
      entry: 18,
    });
    expect(await call("log:state", { image: 3, count: 18 })).toBe(file);
    expect(await call("log:state", { image: 3, count: 0 })).toMatchObject({ name: "disk before log3" });
    const torn = await call("log:state", { image: 3, count: 18, lost: "7, 5,6,12:0-3", size: 4096 });
    expect(torn.name).toBe("disk after entry 17 of log3 without 5-7,12:0-3");
    expect(context.graphs.get(torn.token)?.options).toMatchObject({ lost: "5-7,12:0-3", size: 4096 });
    await expect(call("log:state", { image: 3, count: 18, lost: "x" })).rejects.toThrow("'x' is neither");
    const over = await call("log:state", { image: 3, count: 1, base: 4 });
    expect(over.name).toBe("disk after entry 0 of log3 over log4");
    expect(context.graphs.get(over.token)).toMatchObject({
      options: { base: { driver: "raw", file: { filename: join(folder, "disk4") } } },
      paths: [join(folder, "log3"), join(folder, "log4")],
    });
  });

  it("refuse what no page asks", async () => {
    await expect(call("log:rows", { job: 1, filter: "x".repeat(4097), first: 0, count: 1 })).rejects.toThrow(
      "filter",
    );
    await expect(call("log:rows", { job: 1, filter: "", first: 0, count: 4097 })).rejects.toThrow("count");
    await expect(call("log:detail", { job: 1, entry: 0.5, offset: 0, length: 1 })).rejects.toThrow("entry");
    await expect(call("log:history", { job: 1, offset: 0, length: 0, limit: 1 })).rejects.toThrow("length");
  });
});
