// Words of a command line as a POSIX shell parts them (sh is the peer in this test), and lines of words.
import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { commandFor, commandLine, commandOf, commandText, wordsOf } from "../../../core/ops/commandWords.ts";

const byShell = (line: string) =>
  execFileSync("sh", ["-c", `printf '%s\\0' ${line}`], { encoding: "utf8" })
    .split("\0")
    .slice(0, -1);

it.each([
  ["e2fsck -fn {}"],
  ["  sh   -c 'exit 125'\t{} "],
  [`a"b c"d 'e f'"g"`],
  [String.raw`a\ b "c\"d" "e\f" 'g\h' \'`],
  [`'' "" x`],
  [`'it'\\''s'`],
  [String.raw`"\\" '\' \\`],
])("parts %s as a shell does", (line) => expect(wordsOf(line)).toEqual(byShell(line)));

it.each([[["e2fsck", "-fn", "{}"]], [["a b", "it's", "$HOME", "`id`", "", "x\\y", '"']]])(
  "makes a line of %j that a shell takes for the same words, and reads it back",
  (words) => {
    const line = commandLine(words);
    expect(byShell(line)).toEqual(words);
    expect(wordsOf(line)).toEqual(words);
  },
);

it.each([
  ["", "There is no command"],
  ["   ", "There is no command"],
  ["'' {}", "There is no command"],
  ["fsck disk.img", "has no {}"],
  ["fsck '{}", "A ' in the command is not closed"],
  ['fsck "{}', 'A " in the command is not closed'],
  ["fsck {} \\", "ends with a backslash"],
  ["fsck {}\nrm x", "one line"],
  ["fsck {} \u0007", "one line"],
  ["fsck {} \u2028", "one line"],
])("refuses %j", (line, message) => expect(() => commandOf(line, false, 1)).toThrow(message));

it("leaves to a shell what only a shell can do, and quotes the file's name for it", () => {
  const command = commandOf("  cat {} | grep -q x  ", true, 1000);
  expect(command).toEqual({ words: ["cat {} | grep -q x"], shell: true, timeoutMs: 1000 });
  expect(commandFor(command, "/tmp/a b")).toEqual(["/bin/sh", "-c", "cat '/tmp/a b' | grep -q x"]);
  expect(commandText(command)).toBe("cat {} | grep -q x");
  // Without a shell nothing of a line is special.
  expect(commandOf("cat {} | grep", false, 1).words).toEqual(["cat", "{}", "|", "grep"]);
});
