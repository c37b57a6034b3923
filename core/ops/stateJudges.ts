// Several judges of states at work together: commands, each with a file of its own, or the check of a format, each in a
// thread of its own. Files and processes are gone when this is closed, and also when the program is ended on the spot.
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { BlockError } from "../base/errors.ts";
import type { ImageSpec } from "../block/driver.ts";
import { type RunningJob, startJob } from "../jobs/client.ts";
import { formatLost } from "../writelog/lost.ts";
import type { LogStates } from "../writelog/state.ts";
import type { CrashState } from "../writelog/states.ts";
import type { StateCommand } from "./commandWords.ts";
import type { StateCheckParams, StateOutcome } from "./stateCheckRun.ts";
import { StateFile } from "./stateFile.ts";
import { judgeByCheck, judgeByCommand } from "./stateJudge.ts";

export interface StateJudgesOptions {
  readonly states: LogStates;
  /** Bytes of the disk. */
  readonly size: number;
  readonly judge:
    | { readonly kind: "check"; readonly format: string }
    | { readonly kind: "command"; readonly command: StateCommand };
  /** The log and its base, for the threads. */
  readonly log: ImageSpec;
  readonly base: ImageSpec | undefined;
  /** At the same time. */
  readonly jobs: number;
  readonly signal: AbortSignal;
}

interface Judge {
  judge(state: CrashState): Promise<StateOutcome>;
  close(): void;
}

export class StateJudges {
  readonly #options: StateJudgesOptions;
  readonly #idle: Judge[] = [];
  readonly #all: Judge[] = [];
  #folder: string | undefined;
  readonly #atExit = () => this.#removeFolder();

  constructor(options: StateJudgesOptions) {
    this.#options = options;
    process.once("exit", this.#atExit);
  }

  /** At most `jobs` at the same time. Throws ECANCELED, and what its check or its command throws. */
  async judge(state: CrashState): Promise<StateOutcome> {
    const judge = this.#idle.pop() ?? this.#newJudge();
    try {
      return await judge.judge(state);
    } finally {
      this.#idle.push(judge);
    }
  }

  async close(): Promise<void> {
    for (const judge of this.#all) judge.close();
    process.removeListener("exit", this.#atExit);
    this.#removeFolder();
  }

  #newJudge(): Judge {
    const { judge, jobs } = this.#options;
    if (this.#all.length >= jobs) throw new BlockError("EBUSY", `${jobs} states are being looked at`);
    const made =
      judge.kind === "command" ? this.#commandJudge(judge.command) : this.#checkJudge(judge.format, jobs > 1);
    this.#all.push(made);
    return made;
  }

  #commandJudge(command: StateCommand): Judge {
    const { states, size, signal } = this.#options;
    this.#folder ??= fs.mkdtempSync(path.join(os.tmpdir(), "blkscope-states-"));
    const file = new StateFile(states, size, path.join(this.#folder, `state${this.#all.length}.raw`));
    return {
      judge: async (state) => {
        await file.show(state, signal);
        return judgeByCommand(command, file, signal);
      },
      close: () => undefined,
    };
  }

  #checkJudge(format: string, inThread: boolean): Judge {
    const { states, log, base, size, signal } = this.#options;
    const recover = states.index.recovered.length > 0;
    const params: StateCheckParams = { format, log, recover, base, size };
    const question = ({ entries, lost }: CrashState) => ({ entries, lost: formatLost(lost) });
    if (!inThread) {
      return { judge: (state) => judgeByCheck(params, question(state), signal), close: () => undefined };
    }
    const job: RunningJob<"stateCheck"> = startJob("stateCheck", params, {
      progress: () => undefined,
      items: () => undefined,
    });
    // Ended below, or with an error that the questions are answered with too.
    job.done.catch(() => undefined);
    signal.addEventListener("abort", () => job.terminate(), { once: true });
    return { judge: (state) => job.ask("check", question(state)), close: () => job.terminate() };
  }

  #removeFolder(): void {
    if (this.#folder !== undefined) fs.rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }
}
