// A command that judges a state: when it counts as ended.
import { afterEach, expect, it, vi } from "vitest";
import { runCommand } from "../../../core/ops/stateCommand.ts";

const { signal } = new AbortController();
const run = (line: string) =>
  runCommand({ words: [line], shell: true, timeoutMs: 60_000 }, "disk.raw", signal);

afterEach(() => void vi.useRealTimers());

it("a command whose outputs are closed is not waited for any longer once it has ended", async () => {
  // No time passes here: a wait would have no end.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  expect(await run("echo said; exec >&- 2>&-; sleep 0.2; exit 3")).toMatchObject({
    exit: 3,
    output: "said\n",
  });
});
