// Runs the jobs of a repair in the test's own thread, and asks the one that looks as a view does.
import type { Answers } from "../../../core/jobs/contract.ts";
import { runJob } from "../../../core/jobs/run.ts";
import type {
  RepairAsks,
  RepairFinished,
  RepairOffered,
  RepairPlanResult,
  RepairWriteParams,
  RepairWritten,
} from "../../../core/ops/repairRun.ts";

export interface Looking {
  readonly offered: RepairOffered;
  readonly ask: <K extends keyof RepairAsks>(
    name: K,
    question: RepairAsks[K]["question"],
  ) => Promise<RepairAsks[K]["answer"]>;
  /** Ends the job. */
  end(): Promise<RepairPlanResult>;
}

/** Looks until the offer is there; the job stays until `end`. */
export async function look(filename: string, format = "qed"): Promise<Looking> {
  const stop = new AbortController();
  let answers: Answers<"repairPlan"> | undefined;
  let offered: RepairOffered | undefined;
  let done: Promise<RepairPlanResult> | undefined;
  await new Promise<void>((resolve, reject) => {
    done = runJob(
      "repairPlan",
      { filename, format },
      {
        progress: () => undefined,
        items: ([item]) => {
          offered = item?.offered;
          resolve();
        },
      },
      {
        signal: stop.signal,
        answer: (given) => {
          answers = given;
        },
      },
    );
    done.catch(reject);
  });
  if (!offered || !answers || !done) throw new Error("the job told no offer");
  const [known, result] = [answers, done];
  return {
    offered,
    ask: (name, question) => {
      const answer = known[name] as (question: unknown) => Promise<never>;
      return answer(question);
    },
    end: () => {
      stop.abort();
      return result;
    },
  };
}

/** Looks, chooses, and gives what the writing job is to be told. */
export async function planned(
  filename: string,
  ids: readonly string[] | "default" = "default",
): Promise<RepairWriteParams> {
  const looking = await look(filename);
  const choice = await looking.ask("choose", { ids });
  await looking.end();
  return { filename, format: "qed", ids: choice.ids, digest: choice.digest };
}

/** `during` hears each phase as it begins, and may cancel. */
export function write(
  params: RepairWriteParams,
  during: (phase: string, cancel: () => void) => void = () => undefined,
): Promise<RepairWritten> {
  const stop = new AbortController();
  const progress = phases((phase) => during(phase, () => stop.abort()));
  return runJob("repairWrite", params, { progress, items: () => undefined }, { signal: stop.signal });
}

export function finish(
  journal: string,
  mode: "undo" | "resume",
  how: {
    readonly image?: string;
    readonly dryRun?: boolean;
    readonly during?: (cancel: () => void) => void;
  } = {},
): Promise<RepairFinished> {
  const stop = new AbortController();
  const progress = phases(() => how.during?.(() => stop.abort()));
  const params = {
    journal,
    mode,
    dryRun: how.dryRun ?? false,
    ...(how.image === undefined ? {} : { image: how.image }),
  };
  return runJob("repairFinish", params, { progress, items: () => undefined }, { signal: stop.signal });
}

/** Each phase once. */
function phases(begun: (phase: string) => void) {
  let last: string | undefined;
  return ({ phase }: { readonly phase?: string }) => {
    if (phase === undefined || phase === last) return;
    last = phase;
    begun(phase);
  };
}
