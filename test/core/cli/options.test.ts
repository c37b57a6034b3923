import { describe, expect, it } from "vitest";
import { UsageError } from "../../../core/cli/command.ts";
import { parseOptions } from "../../../core/cli/options.ts";

const specs = {
  format: { short: "f", long: "format", value: "FMT", help: "a format" },
  quiet: { short: "q", long: "quiet", help: "say nothing" },
  quick: { long: "quick", also: ["fast"], help: "be quick" },
  progress: { short: "p", help: "show progress" },
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
    [["--qui"], "unrecognized option '--qui'"],
    [["--fas"], "unrecognized option '--fas'"],
    [["--quiet=3"], "unrecognized option '--quiet=3'"],
    [["-f"], "missing argument for option '-f'"],
    [["--format"], "missing argument for option '--format'"],
    [["--progress"], "unrecognized option '--progress'"],
    [["--constructor"], "unrecognized option '--constructor'"],
  ])("refuses %j", (args, message) => {
    expect(() => parse(...args)).toThrow(new UsageError(message));
  });

  it("takes a long name that is cut short and still means one option only, and other spellings in full", () => {
    expect(parse("--for", "raw").format).toBe("raw");
    expect(parse("--forma=qed").format).toBe("qed");
    expect(parse("--quie").quiet).toBe(true);
    expect(parseOptions(["--fast"], specs).has("quick")).toBe(true);
  });

  it("keeps every value in the order given", () => {
    const parsed = parseOptions(["-f", "a", "-q", "x", "--format=b"], specs);
    expect(parsed.values("format")).toEqual(["a", "b"]);
    expect(parsed.given).toEqual([
      { name: "format", value: "a" },
      { name: "quiet", value: "" },
      { name: "format", value: "b" },
    ]);
  });

  it("stops at a request for help, whatever follows", () => {
    expect(parseOptions(["a", "--help", "--nope"], specs).help).toBe(true);
    expect(parseOptions(["-qh"], specs).help).toBe(true);
  });
});
