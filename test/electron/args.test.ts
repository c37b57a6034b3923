import { describe, expect, it } from "vitest";
import { handedOver, parseArgs, viewOf } from "../../electron/args.ts";

const clone = (...words: string[]) =>
  parseArgs(["/x/electron", "--no-sandbox", "/repo", ...words], "/home/me", true);
const packed = (...words: string[]) => parseArgs(["/opt/blkscope", ...words], "/home/me", false);

describe("the command line", () => {
  it("opens the start page without files", () => {
    expect(clone()).toEqual({ files: [], view: "welcome", smokeTest: false });
    expect(packed()).toEqual({ files: [], view: "welcome", smokeTest: false });
  });

  it("shows one file as bytes, compares two, and shows more each by itself", () => {
    expect(clone("a.qed")).toMatchObject({ files: ["/home/me/a.qed"], view: "hex" });
    expect(clone("a.qed", "/b.raw")).toMatchObject({ files: ["/home/me/a.qed", "/b.raw"], view: "compare" });
    expect(packed("a", "b", "c")).toMatchObject({
      files: ["/home/me/a", "/home/me/b", "/home/me/c"],
      view: "hex",
    });
  });

  it("takes open and diff as words only before files", () => {
    expect(packed("open", "a", "b")).toMatchObject({ files: ["/home/me/a", "/home/me/b"], view: "hex" });
    expect(packed("diff", "a", "b")).toMatchObject({ files: ["/home/me/a", "/home/me/b"], view: "compare" });
    expect(packed("open")).toMatchObject({ files: ["/home/me/open"], view: "hex" });
  });

  it("follows --view, but compares only two", () => {
    expect(clone("--view=hex", "a", "b").view).toBe("hex");
    expect(clone("--view=compare", "a", "b").view).toBe("compare");
    expect(clone("--view=compare", "a").view).toBe("hex");
    expect(clone("--view=compare").view).toBe("welcome");
  });

  it("takes no switch of Chromium, Electron or the unknown for a file", () => {
    const argv = [
      "electron",
      "--inspect=0",
      "--remote-debugging-port=0",
      "-r",
      "/hook.js",
      ".",
      "--future",
      "a.raw",
    ];
    expect(parseArgs(argv, "/home/me", true).files).toEqual(["/home/me/a.raw"]);
  });

  it("takes everything after -- for a file, so that names may start with a dash", () => {
    expect(packed("--", "-disk.raw", "--view=hex").files).toEqual([
      "/home/me/-disk.raw",
      "/home/me/--view=hex",
    ]);
  });

  it("keeps spaces, quotes, newlines and letters outside ASCII in names", () => {
    expect(packed('/a b/it\'s "x"\n.qed', "/d/Größe.raw").files).toEqual([
      '/a b/it\'s "x"\n.qed',
      "/d/Größe.raw",
    ]);
  });

  it("takes file: addresses as desktops give them", () => {
    expect(packed("file:///tmp/a%20b.qed").files).toEqual(["/tmp/a b.qed"]);
    expect(packed("file://elsewhere/x%00").files).toEqual(["/home/me/file:/elsewhere/x%00"]);
  });

  it("knows a smoke test", () => {
    expect(packed("--no-sandbox", "--smoke-test")).toEqual({ files: [], view: "welcome", smokeTest: true });
  });
});

describe("what another launch hands over", () => {
  it("is taken when it is absolute files and a view", () => {
    expect(handedOver({ files: ["/a", "/b"], view: "compare" })).toEqual({
      files: ["/a", "/b"],
      view: "compare",
    });
    expect(handedOver({ files: [], view: "welcome" })).toEqual({ files: [], view: "welcome" });
  });

  it("is corrected when the view does not fit the number of files", () => {
    expect(handedOver({ files: ["/a"], view: "compare" })?.view).toBe("hex");
    expect(handedOver({ files: [], view: "hex" })?.view).toBe("welcome");
  });

  it.each([
    [undefined],
    [null],
    ["/a"],
    [{ files: ["a"], view: "hex" }],
    [{ files: [1], view: "hex" }],
    [{ files: [] }],
  ])("is refused when it is %j", (data) => expect(handedOver(data)).toBeUndefined());
});

it("the view follows the number of files", () => {
  expect([0, 1, 2, 3].map((count) => viewOf(count))).toEqual(["welcome", "hex", "compare", "hex"]);
});
