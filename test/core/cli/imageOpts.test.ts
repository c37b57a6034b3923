import { describe, expect, it } from "vitest";
import { imageArgument, namedWithOptions } from "../../../core/cli/imageArgument.ts";
import { parseImageOpts } from "../../../core/cli/imageOpts.ts";

describe("lists of image options", () => {
  it("nest by dots and take a doubled comma for one", () => {
    expect(parseImageOpts("driver=qed,file.driver=file,file.filename=a,,b,,,,c.qed")).toEqual({
      driver: "qed",
      file: { driver: "file", filename: "a,b,,c.qed" },
    });
  });

  it("keep equals signs in values, and empty values", () => {
    expect(parseImageOpts("file.filename=a=b=c,offset=")).toEqual({
      file: { filename: "a=b=c" },
      offset: "",
    });
  });

  it("make lists of numbered members in any order", () => {
    const text = "driver=quorum,children.1.file.filename=b,children.0.file.filename=a";
    expect(parseImageOpts(text)).toEqual({
      driver: "quorum",
      children: [{ file: { filename: "a" } }, { file: { filename: "b" } }],
    });
  });

  it("take the last of two values for one key", () => {
    expect(parseImageOpts("driver=raw,driver=qed")).toEqual({ driver: "qed" });
  });

  it("may be empty or end with a comma", () => {
    expect(parseImageOpts("")).toEqual({});
    expect(parseImageOpts("driver=raw,")).toEqual({ driver: "raw" });
  });

  it("read an item without a value as a switch, with a warning, and the first as a node where the caller says so", () => {
    const said: string[] = [];
    const warn = (message: string) => said.push(message);
    expect(parseImageOpts("driver=raw,read-only,nobogus", { warn })).toEqual({
      driver: "raw",
      "read-only": "on",
      bogus: "off",
    });
    expect(said).toEqual([
      "short-form boolean option 'read-only' deprecated\nPlease use read-only=on instead",
      "short-form boolean option 'nobogus' deprecated\nPlease use bogus=off instead",
    ]);
    expect(parseImageOpts("a.raw,driver=raw", { implied: "file" })).toEqual({ file: "a.raw", driver: "raw" });
  });

  it("take names of object members for names as any other", () => {
    const options = parseImageOpts("driver=raw,__proto__.polluted=1,constructor=2");
    expect(Object.keys(options).sort()).toEqual(["__proto__", "constructor", "driver"]);
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
  });

  it.each([
    ["=x", "'' is not a name of an option"],
    ["file..filename=x", "'file..filename' is not a name of an option"],
    ["driver=raw,c.1=x", "'c' is not numbered from 0 without gaps"],
    ["driver=raw,c.0=x,c.00=y", "'c' is not numbered from 0 without gaps"],
    ["driver=raw,c.0=x,c.name=y", "'c' mixes numbers and names"],
    ["file=a,file.filename=b", "'file.filename' is given both as a value and as a group of options"],
    ["file.filename=b,file=a", "'file' is given both as a value and as a group of options"],
    [`driver=raw,${"a.".repeat(100_000)}b=1`, "options are nested deeper than 64"],
  ])("are refused when malformed: %.40s", (text, message) => {
    expect(() => parseImageOpts(text)).toThrow(message);
  });
});

describe("an image's name", () => {
  const plain = { imageOpts: false };

  it("is a plain one where a plain one can express it", () => {
    for (const given of ["disk.qed", "file:disk.qed", 'json:{"file.filename":"disk.qed"}']) {
      expect(imageArgument(given, plain).filename).toBe("disk.qed");
    }
    const list = "driver=qed,file.driver=file,file.filename=disk.qed";
    expect(imageArgument(list, { imageOpts: true }).filename).toBe("disk.qed");
  });

  it("is json where it has options of its own, and that json means the same image", () => {
    const argument = imageArgument("driver=raw,offset=512,file.filename=a", { imageOpts: true });
    expect(argument.filename.startsWith("json:")).toBe(true);
    expect(imageArgument(argument.filename, plain).spec).toEqual(argument.spec);
  });

  it("keeps what was given for messages", () => {
    expect(imageArgument("file:disk.qed", plain).given).toBe("file:disk.qed");
  });

  it("takes a format on top, which comes before one in the name", () => {
    const raw = { driver: "raw", file: { driver: "file", filename: "a" } };
    expect(imageArgument("a", { imageOpts: false, format: "raw" }).spec).toEqual(raw);
    const named = 'json:{"driver":"qed","file.driver":"file","file.filename":"a"}';
    expect(imageArgument(named, { imageOpts: false, format: "raw" }).spec).toEqual(raw);
  });

  it("opened as a protocol has no format", () => {
    const file = { driver: "file", filename: "a" };
    expect(imageArgument("a", { imageOpts: false, format: "file" }).spec).toEqual(file);
  });

  it("and options beside it are joined, and the options win", () => {
    expect(namedWithOptions("a.raw", ["driver=raw,offset=512", "file.locking=off"])).toEqual({
      driver: "raw",
      offset: "512",
      file: { driver: "file", filename: "a.raw", locking: "off" },
    });
    const name = 'json:{"driver":"qed","file.filename":"a"}';
    expect(namedWithOptions(name, ["driver=raw"])).toMatchObject({ driver: "raw" });
    expect(namedWithOptions(undefined, ["driver=null-co,size=1M"])).toEqual({
      driver: "null-co",
      size: "1M",
    });
  });

  it("with an unknown protocol is refused with the way to name such a file", () => {
    expect(() => imageArgument("disk:1.raw", plain)).toThrow("Unknown protocol 'disk'");
    expect(imageArgument("./disk:1.raw", plain).filename).toBe("./disk:1.raw");
  });
});
