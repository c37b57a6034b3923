// Commands from standard input: with line editing and history at a terminal, else line by line; in place of the
// peer the prompt is printed all the same, as its scripts know it.
import * as readline from "node:readline";
import { stdout } from "../output.ts";
import { inPlaceOfPeer, persona } from "../persona.ts";
import type { Session } from "./session.ts";

const prompt = persona === "qemu-io" ? "qemu-io> " : "blkscope> ";

/** Until quit or the end of the input. */
export async function runInteractively(session: Session): Promise<void> {
  const { stdin } = process;
  if (stdin.isTTY && process.stdout.isTTY) return runAtTerminal(session);
  printPrompt();
  for await (const line of linesOf(stdin)) {
    await session.run(line);
    if (session.ended) return;
    printPrompt();
  }
}

/** Without a terminal only scripts of the peer look for one. */
function printPrompt(): void {
  if (inPlaceOfPeer) stdout.write(prompt);
  stdout.flush();
}

/** Lines without their ends; the last one may lack it. Bytes that are no UTF-8 are replaced. */
async function* linesOf(stream: NodeJS.ReadableStream): AsyncGenerator<string> {
  stream.setEncoding("utf8");
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

/** Ctrl-C gives up the line being typed or ends the command that runs; Ctrl-D ends the session. */
async function runAtTerminal(session: Session): Promise<void> {
  const editor = readline.createInterface({
    input: process.stdin,
    output: process.stdout,
    prompt,
    historySize: 1000,
    removeHistoryDuplicates: true,
    completer: (line: string) => [completions(line), line],
  });
  const waiting: string[] = [];
  let wake: (() => void) | undefined;
  let closed = false;
  let running = false;
  const { ioCommands } = await import("./table.ts");
  function completions(line: string): string[] {
    return line.includes(" ")
      ? []
      : ioCommands.map(({ name }) => `${name} `).filter((name) => name.startsWith(line));
  }
  editor.on("line", (line) => {
    waiting.push(line);
    wake?.();
  });
  editor.on("close", () => {
    closed = true;
    wake?.();
  });
  editor.on("SIGINT", () => {
    if (running) session.interrupt();
    else {
      process.stdout.write("^C\n");
      // Ctrl-U and Ctrl-K: what is left and right of the cursor.
      editor.write(null, { ctrl: true, name: "u" });
      editor.write(null, { ctrl: true, name: "k" });
      editor.prompt();
    }
  });
  try {
    while (!session.ended) {
      stdout.flush();
      if (waiting.length === 0) {
        if (closed) break;
        editor.prompt();
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = undefined;
        continue;
      }
      running = true;
      await session.run(waiting.shift() ?? "");
      running = false;
    }
    if (closed) stdout.line("");
  } finally {
    editor.close();
  }
}
