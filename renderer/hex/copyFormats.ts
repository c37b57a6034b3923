// What a selection becomes on the clipboard. Each format writes pieces as they come, so that a large selection
// is never held twice; `more` says whether another piece follows. Pure.
import { hexDigits } from "./labels.ts";

export const copyFormats = [
  { id: "octets", label: "Hex octets", example: "7F 45 4C 46" },
  { id: "hex", label: "Hex string", example: "7f454c46" },
  { id: "c", label: "C array", example: "const unsigned char bytes[4] = {…};" },
  { id: "rust", label: "Rust array", example: "const BYTES: [u8; 4] = […];" },
  { id: "go", label: "Go slice", example: "var bytes = []byte{…}" },
  { id: "python", label: "Python bytes", example: 'data = bytes.fromhex("…")' },
  { id: "base64", label: "Base64", example: "f0VMRg==" },
  { id: "escaped", label: "Escaped string", example: '"\\x7fELF"' },
  { id: "hexdump", label: "Hex dump, as hexdump -Cv", example: "00000000  7f 45 4c 46 …  |.ELF|" },
  { id: "markdown", label: "Markdown with address", example: "**disk.qed** guest 0x14000 …" },
] as const;
export type CopyFormat = (typeof copyFormats)[number]["id"];

export interface CopySource {
  /** Of the first byte. */
  readonly offset: number;
  readonly length: number;
  /** File name and address space, for formats that say where the bytes are from. */
  readonly name: string;
  readonly space: "guest" | "file";
}

/** Writes one selection: bytes in ascending pieces, then the end. */
export interface Writer {
  write(bytes: Uint8Array): string;
  end(): string;
}

/** Characters a selection becomes at most; an estimate to ask before it is made. */
export function copiedLength(format: CopyFormat, length: number): number {
  const perByte: Readonly<Record<CopyFormat, number>> = {
    octets: 3,
    hex: 2,
    c: 6.5,
    rust: 6.5,
    go: 6.5,
    python: 2.4,
    base64: 4 / 3,
    escaped: 4,
    hexdump: 5,
    markdown: 5,
  };
  return Math.ceil(length * perByte[format]) + 300;
}

export function writerOf(format: CopyFormat, source: CopySource): Writer {
  switch (format) {
    case "octets":
      return joined(" ", (byte) => hexDigits[byte] ?? "");
    case "hex":
      return joined("", lowerHex);
    case "c":
      return array(`const unsigned char bytes[${source.length}] = {\n`, "  ", "};\n", source);
    case "rust":
      return array(`const BYTES: [u8; ${source.length}] = [\n`, "    ", "];\n", source);
    case "go":
      return array("var bytes = []byte{\n", "\t", "}\n", source);
    case "python":
      return python();
    case "base64":
      return base64();
    case "escaped":
      return escaped();
    case "hexdump":
      return hexdump(source.offset);
    case "markdown":
      return markdown(source);
  }
}

/** The whole text of a selection that is at hand. */
export function copyText(format: CopyFormat, bytes: Uint8Array, source: Omit<CopySource, "length">): string {
  const writer = writerOf(format, { ...source, length: bytes.length });
  return writer.write(bytes) + writer.end();
}

const lowerHex = (byte: number): string => (hexDigits[byte] ?? "").toLowerCase();

function joined(separator: string, show: (byte: number) => string): Writer {
  let first = true;
  return {
    write(bytes) {
      const text = Array.from(bytes, show).join(separator);
      const lead = first || bytes.length === 0 ? "" : separator;
      if (bytes.length > 0) first = false;
      return lead + text;
    },
    end: () => "",
  };
}

/** Calls `line` with each full group of `size` bytes, however the pieces are cut, and with the rest at the end. */
function grouped(size: number, line: (bytes: readonly number[]) => string): Writer {
  let rest: number[] = [];
  return {
    write(bytes) {
      const lines: string[] = [];
      for (const byte of bytes) {
        rest.push(byte);
        if (rest.length < size) continue;
        lines.push(line(rest));
        rest = [];
      }
      return lines.join("");
    },
    end: () => (rest.length > 0 ? line(rest) : ""),
  };
}

function framed(head: string, inner: Writer, tail: () => string): Writer {
  let begun = false;
  const begin = () => {
    if (begun) return "";
    begun = true;
    return head;
  };
  return {
    write: (bytes) => begin() + inner.write(bytes),
    end: () => begin() + inner.end() + tail(),
  };
}

/** Twelve to a line, each followed by a comma, which all three languages allow at the end. */
function array(
  head: string,
  indent: string,
  tail: string,
  { name, space, offset, length }: CopySource,
): Writer {
  const from = `// ${comment(name)}, ${space} offset 0x${offset.toString(16)}, ${length} ${length === 1 ? "byte" : "bytes"}\n`;
  const line = (bytes: readonly number[]) =>
    `${indent}${bytes.map((byte) => `0x${lowerHex(byte)},`).join(" ")}\n`;
  return framed(from + head, grouped(12, line), () => tail);
}

/** A file name may hold a line break, which would end the comment. */
const comment = (name: string): string => name.replace(/[\p{C}\u2028\u2029\\]/gu, "?");

function python(): Writer {
  const line = (bytes: readonly number[]) => `    "${bytes.map(lowerHex).join("")}"\n`;
  return framed("data = bytes.fromhex(\n", grouped(32, line), () => ")\n");
}

/** RFC 4648, section 4; groups of three bytes, so pieces may be cut anywhere. */
function base64(): Writer {
  return grouped(3, (bytes) => btoa(String.fromCharCode(...bytes)));
}

/** A string literal of C and its relatives: a digit after \x would belong to it, so it is escaped as well. */
function escaped(): Writer {
  let afterHex = false;
  const show = (byte: number): string => {
    const letter = String.fromCharCode(byte);
    const named: Readonly<Record<string, string>> = {
      "\n": "\\n",
      "\r": "\\r",
      "\t": "\\t",
      '"': '\\"',
      "\\": "\\\\",
    };
    const short = named[letter];
    const plain = short ?? (byte >= 0x20 && byte < 0x7f ? letter : undefined);
    if (plain !== undefined && !(afterHex && /[0-9A-Fa-f]/.test(plain))) {
      afterHex = false;
      return plain;
    }
    afterHex = true;
    return `\\x${lowerHex(byte)}`;
  };
  return framed('"', joined("", show), () => '"');
}

/** As `hexdump -Cv`: sixteen a line, two blocks of eight, printable ASCII between bars, the end's offset last. */
function hexdump(start: number): Writer {
  let offset = start;
  const at = () => offset.toString(16).padStart(8, "0");
  const line = (bytes: readonly number[]) => {
    const half = (from: number) =>
      Array.from({ length: 8 }, (_, index) => {
        const byte = bytes[from + index];
        return byte === undefined ? "   " : ` ${lowerHex(byte)}`;
      }).join("");
    const text = bytes
      .map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "."))
      .join("");
    const shown = `${at()} ${half(0)} ${half(8)}  |${text}|\n`;
    offset += bytes.length;
    return shown;
  };
  return framed("", grouped(16, line), () => `${at()}\n`);
}

function markdown(source: CopySource): Writer {
  const { name, space, offset, length } = source;
  const last = offset + Math.max(1, length) - 1;
  const where = `${space} offset 0x${offset.toString(16)} (${offset}) to 0x${last.toString(16)}, ${length} ${length === 1 ? "byte" : "bytes"}`;
  const dump = hexdump(offset);
  return framed(
    `**${comment(name).replace(/[*_`<[\]]/g, "\\$&")}**, ${where}:\n\n\`\`\`text\n`,
    dump,
    () => "```\n",
  );
}
