import { describe, expect, it } from "vitest";
import { imageArgument } from "../../../core/cli/imageArgument.ts";
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

  it("take names of object members for names as any other", () => {
    const options = parseImageOpts("driver=raw,__proto__.polluted=1,constructor=2");
    expect(Object.keys(options).sort()).toEqual(["__proto__", "constructor", "driver"]);
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
  });

  it.each([
    ["", "'' is not of the form key=value"],
    ["disk.raw", "'disk.raw' is not of the form key=value"],
    ["=x", "'=x' is not of the form key=value"],
    ["driver=raw,", "'' is not of the form key=value"],
    ["file..filename=x", "'file..filename' is not a name of an option"],
    ["offset=1", "Must specify either driver or file"],
    ["driver=raw,c.1=x", "the members of 'c.' are not numbered from 0 without gaps"],
    ["driver=raw,c.0=x,c.00=y", "the members of 'c.' are not numbered from 0 without gaps"],
    ["driver=raw,c.0=x,c.name=y", "'c.' mixes numbers and names"],
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

  it("takes a format on top, but not a second one", () => {
    expect(imageArgument("a", { imageOpts: false, format: "raw" }).spec).toEqual({
      driver: "raw",
      file: { driver: "file", filename: "a" },
    });
    expect(() =>
      imageArgument('json:{"driver":"qed","file.filename":"a"}', { imageOpts: false, format: "raw" }),
    ).toThrow("Driver specified twice");
  });

  it("with an unknown protocol is refused with the way to name such a file", () => {
    expect(() => imageArgument("disk:1.raw", plain)).toThrow("Unknown protocol 'disk'");
    expect(imageArgument("./disk:1.raw", plain).filename).toBe("./disk:1.raw");
  });
});
