// Each copy format against a text written by hand, and the same text however the bytes are cut into pieces.
import { execFileSync, spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import {
  type CopyFormat,
  copiedLength,
  copyFormats,
  copyText,
  writerOf,
} from "../../../renderer/hex/copyFormats.ts";

const elf = Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 0x00]);
const source = { offset: 0x14010, name: "disk.qed", space: "guest" } as const;
const asText = (format: CopyFormat, bytes = elf) => copyText(format, bytes, source);

describe("copy formats", () => {
  it.each([
    ["octets", "7F 45 4C 46 00"],
    ["hex", "7f454c4600"],
    ["base64", "f0VMRgA="],
    // The C that follows \x7f would be one of its digits; E is written as an escape too.
    ["escaped", '"\\x7f\\x45LF\\x00"'],
    [
      "c",
      "// disk.qed, guest offset 0x14010, 5 bytes\nconst unsigned char bytes[5] = {\n  0x7f, 0x45, 0x4c, 0x46, 0x00,\n};\n",
    ],
    [
      "rust",
      "// disk.qed, guest offset 0x14010, 5 bytes\nconst BYTES: [u8; 5] = [\n    0x7f, 0x45, 0x4c, 0x46, 0x00,\n];\n",
    ],
    [
      "go",
      "// disk.qed, guest offset 0x14010, 5 bytes\nvar bytes = []byte{\n\t0x7f, 0x45, 0x4c, 0x46, 0x00,\n}\n",
    ],
    ["python", 'data = bytes.fromhex(\n    "7f454c4600"\n)\n'],
    ["hexdump", "00014010  7f 45 4c 46 00                                    |.ELF.|\n00014015\n"],
    [
      "markdown",
      "**disk.qed**, guest offset 0x14010 (81936) to 0x14014, 5 bytes:\n\n```text\n00014010  7f 45 4c 46 00                                    |.ELF.|\n00014015\n```\n",
    ],
  ] as const)("%s", (format, expected) => {
    expect(asText(format)).toBe(expected);
  });

  it("breaks arrays after twelve bytes and the dump after sixteen", () => {
    const bytes = Uint8Array.from({ length: 17 }, (_, index) => index);
    expect(asText("c", bytes)).toContain(
      "  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b,\n  0x0c, 0x0d,",
    );
    expect(asText("hexdump", bytes)).toBe(
      "00014010  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  |................|\n" +
        "00014020  10                                                |.|\n00014021\n",
    );
  });

  it("escapes quotes, backslashes and line ends in a string", () => {
    expect(asText("escaped", new TextEncoder().encode('a"b\\\n'))).toBe('"a\\"b\\\\\\n"');
  });

  it("keeps a file name with a line break inside its comment", () => {
    const text = copyText("c", elf, { ...source, name: "a\nb\\" });
    expect(text.split("\n")[0]).toBe("// a?b?, guest offset 0x14010, 5 bytes");
  });

  it.each(copyFormats.map(({ id }) => id))("writes %s the same however the bytes are cut", (format) => {
    const bytes = Uint8Array.from({ length: 1000 }, (_, index) => (index * 37) % 256);
    const writer = writerOf(format, { ...source, length: bytes.length });
    let text = "";
    for (const [from, to] of [
      [0, 0],
      [0, 1],
      [1, 14],
      [14, 500],
      [500, 500],
      [500, 1000],
    ] as const) {
      text += writer.write(bytes.subarray(from, to));
    }
    text += writer.end();
    expect(text).toBe(asText(format, bytes));
    expect(text.length).toBeLessThanOrEqual(copiedLength(format, bytes.length));
  });

  it("agrees with Python on what its literal means", () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, index) => (index * 91) % 256);
    if (spawnSync("python3", ["--version"]).status !== 0) {
      if (process.env.CI) throw new Error("python3 is needed");
      console.warn("skipped: python3 is not installed");
      return;
    }
    const program = `${asText("python", bytes)}import sys; sys.stdout.write(data.hex())`;
    expect(execFileSync("python3", ["-c", program], { encoding: "utf8" })).toBe(asText("hex", bytes));
  });
});
