// `--smoke-test`: starts the app, waits until its page stands, prints one line of JSON and ends. Code 0 when it
// got that far, 1 when it did not within half a minute.
import { app } from "electron";
import { appFacts } from "./electronDesktop.ts";

const timeoutMs = 30_000;

export class SmokeTest {
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setTimeout(() => {
      console.error(`smoke test: the page did not get ready within ${timeoutMs / 1000} s`);
      app.exit(1);
    }, timeoutMs);
  }

  passed(): void {
    clearTimeout(this.#timer);
    const { app: version, electron, chromium, node } = appFacts(false).versions;
    const line = JSON.stringify({ ready: true, app: version, electron, chromium, node });
    process.stdout.write(`${line}\n`, () => app.exit(0));
  }
}
