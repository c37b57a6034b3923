import { describe, expect, it } from "vitest";
import { checkedPath, displayText, FileTokens } from "../../electron/files.ts";

describe("file tokens", () => {
  it("give the same file the same token, and different files different ones", () => {
    const tokens = new FileTokens();
    const first = tokens.refOf("/images/disk.qed");
    expect(tokens.refOf("/images/other/../disk.qed")).toBe(first);
    expect(tokens.refOf("/images/disk2.qed").token).not.toBe(first.token);
    expect(first).toMatchObject({ name: "disk.qed", folder: "/images" });
    expect(first.token).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it("lead back to the very path, whatever it holds", () => {
    const tokens = new FileTokens();
    for (const path of ['/a b/it\'s "x"\n.qed', "/ü/磁盘.raw", "/x/\u202egpj.exe"]) {
      expect(tokens.pathOf(tokens.refOf(path).token)).toBe(path);
    }
  });

  it("are worth nothing when main did not give them", () => {
    const tokens = new FileTokens();
    expect(() => tokens.pathOf("5f0c9d1e-57f4-4a3e-9b5e-0123456789ab")).toThrowError(
      expect.objectContaining({ code: "EINVAL", message: expect.stringContaining("not known") }),
    );
    const other = new FileTokens().refOf("/images/disk.qed");
    expect(() => tokens.pathOf(other.token)).toThrow();
  });

  it("name the root of the file system by its path", () => {
    expect(new FileTokens().refOf("/")).toMatchObject({ name: "/", folder: "/" });
  });
});

describe("names on the screen", () => {
  it("show control characters escaped", () => {
    expect(displayText("a\nb\tc\0\x7f\x1b[2J")).toBe("a\\nb\\tc\\x00\\x7f\\x1b[2J");
  });

  it("cannot reorder the text around them", () => {
    expect(displayText("disk\u202eger.exe\u2066x\u200f")).toBe("disk\ufffdger.exe\ufffdx\ufffd");
  });

  it("keep spaces, quotes, letters of all scripts and pairs of surrogates", () => {
    const name = 'it\'s a "disk" Größe 磁盘 💾.raw';
    expect(displayText(name)).toBe(name);
    expect(displayText("half \ud83d.raw")).toBe("half \ufffd.raw");
  });
});

describe("a dropped file's path", () => {
  it("is taken when absolute", () => {
    expect(checkedPath("/a b/c\n.raw")).toBe("/a b/c\n.raw");
  });

  it.each([[""], ["disk.raw"], ["../x"], ["/a\0b"], [undefined], [7], [`/${"x".repeat(40_000)}`]])(
    "is refused otherwise (%#)",
    (sent) => expect(() => checkedPath(sent)).toThrowError(expect.objectContaining({ code: "EINVAL" })),
  );
});
