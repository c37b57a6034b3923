// The call that starts a search for the first failing entry: a command runs only after main's own question was answered
// with yes, exactly as it was shown; nothing else that a page sends becomes a program.
import { beforeEach, describe, expect, it } from "vitest";
import type { Result } from "../../../core/base/errors.ts";
import type { LogBisectParams } from "../../../core/ops/logBisectRun.ts";
import type { Context } from "../../../electron/context.ts";
import type { Request } from "../../../electron/ipc/contract.ts";
import { handle } from "../../../electron/ipc/handle.ts";
import { handlers } from "../../../electron/ipc/handlers/table.ts";

type BisectRequest = Request<"job:logBisect">;

let questions: [string, string][];
let started: [string, string, LogBisectParams][];
let answer: () => boolean;
let isOpen: boolean;
let context: Context;
beforeEach(() => {
  [questions, started, answer, isOpen] = [[], [], () => true, true];
  context = {
    desktop: {
      askToRun: async (command: string, log: string) => {
        questions.push([command, log]);
        return answer();
      },
    },
    session: {
      fileOf: (image: number) => {
        if (!isOpen) throw new Error(`image ${image} is not open`);
        return { path: `/logs/${image}.log`, format: "raw", name: `${image}.log` };
      },
      sourceOf: (image: number) => ({
        spec: { driver: "raw", file: { driver: "file", filename: `/disks/${image}.raw` } },
        name: `${image}.raw`,
      }),
    },
    jobs: {
      run: (...given: [string, string, LogBisectParams]) => {
        started.push(given);
        return 8;
      },
    },
  } as unknown as Context;
});

const usual: BisectRequest = {
  image: 3,
  at: "flush",
  search: "binary",
  all: false,
  refine: true,
  judge: { kind: "command", line: "e2fsck -fn {}", shell: false, seconds: 30 },
};
const start = (request: unknown) =>
  handle(handlers, context, "job:logBisect", request) as Promise<Result<{ job: number }>>;
const command = (line: string, shell = false) => ({
  ...usual,
  judge: { kind: "command", line, shell, seconds: 30 },
});

describe("a command of a person's own", () => {
  it("is shown word by word, and runs as it was shown when the answer is yes", async () => {
    expect(await start({ ...usual, base: 4, range: { first: 2, end: 9 }, size: 4096 })).toEqual({
      ok: true,
      value: { job: 8 },
    });
    expect(questions).toEqual([["e2fsck -fn {}", "3.log"]]);
    expect(started).toEqual([
      [
        "logBisect",
        "Bisect of 3.log",
        {
          log: { driver: "file", filename: "/logs/3.log" },
          base: { driver: "raw", file: { driver: "file", filename: "/disks/4.raw" } },
          size: 4096,
          range: { first: 2, end: 9 },
          at: "flush",
          search: "binary",
          all: false,
          refine: true,
          judge: {
            kind: "command",
            command: { words: ["e2fsck", "-fn", "{}"], shell: false, timeoutMs: 30_000 },
          },
        },
      ],
    ]);
  });

  it("is over the file of an image where its format is not meant", async () => {
    await start({ ...usual, base: 4, baseAsFile: true });
    expect(started[0]?.[2].base).toEqual({ driver: "file", filename: "/logs/4.log" });
  });

  it("does not run when the answer is no, nor when the page that asked is gone", async () => {
    answer = () => false;
    expect(await start(usual)).toMatchObject({ ok: false, error: { code: "ECANCELED" } });
    answer = () => {
      isOpen = false;
      return true;
    };
    expect(await start(usual)).toMatchObject({ ok: false });
    expect(started).toEqual([]);
  });

  it("is asked about anew each time", async () => {
    await start(usual);
    await start(usual);
    expect(questions).toHaveLength(2);
  });

  it("is shown with the shell that runs it, and without one is no program of a shell", async () => {
    await start(command("cat {} | grep -q 'a b'; rm x", true));
    await start(command("cat {} | grep; rm x"));
    expect(questions.map(([shown]) => shown)).toEqual([
      `/bin/sh -c 'cat {} | grep -q '\\''a b'\\''; rm x'`,
      `cat {} '|' 'grep;' rm x`,
    ]);
    expect(started.map(([, , { judge }]) => judge)).toMatchObject([
      { command: { shell: true, words: ["cat {} | grep -q 'a b'; rm x"] } },
      { command: { shell: false, words: ["cat", "{}", "|", "grep;", "rm", "x"] } },
    ]);
  });

  it.each([
    ["", "There is no command"],
    ["rm -rf /", "has no {}"],
    ["fsck '{}", "not closed"],
    ["fsck {}\nrm x", "one line"],
    [`fsck {} ${"x".repeat(2000)}`, "line"],
  ])("is refused before anybody is asked: %j", async (line, message) => {
    expect(await start(command(line))).toMatchObject({
      ok: false,
      error: { code: "EINVAL", message: expect.stringContaining(message) },
    });
    expect(questions).toEqual([]);
  });
});

describe("a search", () => {
  it("by the check of a format asks nobody", async () => {
    expect(await start({ ...usual, judge: { kind: "check", format: "qed" } })).toMatchObject({ ok: true });
    expect([questions, started.length]).toEqual([[], 1]);
  });

  it.each([
    ["a format without a check", { judge: { kind: "check", format: "raw" } }],
    ["words instead of a line", { judge: { kind: "command", words: ["rm"], shell: false, timeoutMs: 1 } }],
    ["a path", { log: "/etc/passwd" }],
    ["no time", { judge: { kind: "command", line: "true {}", shell: false, seconds: 0 } }],
    ["every 0 entries", { at: 0 }],
    ["halves of reordered states", { at: { count: 5, seed: 1, torn: false }, refine: false }],
    ["refined reordered states", { at: { count: 5, seed: 1, torn: false }, search: "linear" }],
    ["too many reordered states", { at: { count: 100_001, seed: 1, torn: false }, search: "linear" }],
    ["halves that go on", { all: true }],
    ["an empty range", { range: { first: 5, end: 5 } }],
  ])("with %s is refused", async (_what, part) => {
    expect(await start({ ...usual, ...part })).toMatchObject({ ok: false, error: { code: "EINVAL" } });
    expect([questions, started]).toEqual([[], []]);
  });
});
