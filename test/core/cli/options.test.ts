import { describe, expect, it } from "vitest";
import { UsageError } from "../../../core/cli/command.ts";
import { parseOptions } from "../../../core/cli/options.ts";

const specs = {
  format: { short: "f", long: "format", value: true },
  quiet: { short: "q", long: "quiet" },
  progress: { short: "p" },
} as const;

function parse(...args: string[]) {
  const parsed = parseOptions(args, specs);
  return {
    format: parsed.value("format"),
    quiet: parsed.has("quiet"),
    progress: parsed.has("progress"),
    operands: parsed.operands,
  };
}

describe("options", () => {
  it.each([
    [["-f", "qed"]],
    [["-fqed"]],
    [["--format=qed"]],
    [["--format", "qed"]],
    [["-f", "raw", "-f", "qed"]],
  ])("takes the value of a format from %j", (args) => {
    expect(parse(...args).format).toBe("qed");
  });

  it("takes clusters of short options, the last of them with a value", () => {
    expect(parse("-qpf", "raw")).toEqual({ format: "raw", quiet: true, progress: true, operands: [] });
    expect(parse("-qpfraw")).toEqual({ format: "raw", quiet: true, progress: true, operands: [] });
  });

  it("takes options after operands", () => {
    expect(parse("a", "-q", "b")).toMatchObject({ quiet: true, operands: ["a", "b"] });
  });

  it("takes everything after -- as operands, and a single dash as one", () => {
    expect(parse("-", "--", "-q", "--", "--format")).toMatchObject({
      quiet: false,
      operands: ["-", "-q", "--", "--format"],
    });
  });

  it("takes an empty value, and one that begins with a dash", () => {
    expect(parse("--format=").format).toBe("");
    expect(parse("-f", "-q")).toMatchObject({ format: "-q", quiet: false });
  });

  it.each([
    [["-x"], "unrecognized option '-x'"],
    [["-qx"], "unrecognized option '-x'"],
    [["--nope"], "unrecognized option '--nope'"],
    [["--nope=3"], "unrecognized option '--nope=3'"],
    [["--for", "raw"], "unrecognized option '--for'"],
    [["--quiet=3"], "unrecognized option '--quiet=3'"],
    [["-f"], "missing argument for option '-f'"],
    [["--format"], "missing argument for option '--format'"],
    [["--progress"], "unrecognized option '--progress'"],
    [["--constructor"], "unrecognized option '--constructor'"],
  ])("refuses %j", (args, message) => {
    expect(() => parse(...args)).toThrow(new UsageError(message));
  });

  it("stops at a request for help, whatever follows", () => {
    expect(parseOptions(["a", "--help", "--nope"], specs).help).toBe(true);
    expect(parseOptions(["-qh"], specs).help).toBe(true);
  });
});
