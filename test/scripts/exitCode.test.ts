// The exit code of a script is what its main function answers, whatever a library does as the process ends.
import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";

const say = new URL("../../scripts/setup/say.mjs", import.meta.url).href;

function exitCodeOf(body: string): number | null {
  const script = `import { runMain } from ${JSON.stringify(say)}; ${body}`;
  return spawnSync(process.execPath, ["--input-type=module", "-e", script]).status;
}

it("is the main function's answer, also when an exit handler sets another", () => {
  const handler = "process.on('exit', () => { process.exitCode = 0; });";
  expect(exitCodeOf(`await runMain(async () => { ${handler} return 1; });`)).toBe(1);
});

it("is 0 for no answer and 1 for an error", () => {
  expect(exitCodeOf("await runMain(async () => {});")).toBe(0);
  expect(exitCodeOf("await runMain(async () => { throw new Error('no'); });")).toBe(1);
});
