// The jobs of a repair in threads of their own, as the app runs them: all that they say passes between threads.
import * as fs from "node:fs";
import { afterEach, beforeAll, expect, it, vi } from "vitest";
import { startJob, startThread } from "../../../core/jobs/client.ts";
import type { FromWorker, JobName, Jobs, Port } from "../../../core/jobs/contract.ts";
import type { RepairOffered } from "../../../core/ops/repairRun.ts";
import { brokenQed } from "../../build/brokenQed.ts";
import { tempFile } from "../../build/temp.ts";
import { buildThreads } from "../../build/threads.ts";

beforeAll(buildThreads);
afterEach(() => void vi.useRealTimers());

const quiet = { progress: () => undefined, items: () => undefined };

function run<N extends JobName>(name: N, params: Jobs[N]["params"]): Promise<Jobs[N]["result"]> {
  return startJob(name, params, quiet, startThread("blkscope:job")).done;
}

it("looks, answers, writes and takes back", async () => {
  const bytes = brokenQed();
  const filename = tempFile("a.qed", bytes);
  let told: (offered: RepairOffered | undefined) => void = () => undefined;
  const offered = new Promise<RepairOffered | undefined>((resolve) => {
    told = resolve;
  });
  const looking = startJob(
    "repairPlan",
    { filename, format: "qed" },
    { ...quiet, items: ([item]) => told(item?.offered) },
    startThread("blkscope:job"),
  );
  const { items = 0 } = (await offered) ?? {};
  expect(items).toBeGreaterThan(3);
  expect(await looking.ask("items", { first: 0, count: 100 })).toHaveLength(items);
  const { ids, digest } = await looking.ask("choose", { ids: "default" });
  const [id = ""] = ids;
  expect((await looking.ask("changes", { ids, id }))[0]?.after).toBeInstanceOf(Uint8Array);
  expect((await looking.ask("map", { ids, cells: 4 })).before).toBeInstanceOf(Uint8Array);
  await expect(looking.ask("changes", { ids, id: "x" })).rejects.toMatchObject({ code: "EINVAL" });
  looking.cancel();
  expect(await looking.done).toMatchObject({ cancelled: false, offered: { items } });

  const written = await run("repairWrite", { filename, format: "qed", ids, digest });
  expect(written).toMatchObject({ state: "verified", error: undefined });
  const journal = written.journal ?? "";
  const undone = await run("repairFinish", { journal, mode: "undo", dryRun: false });
  expect(undone.facts.state).toBe("undone");
  expect(Buffer.compare(fs.readFileSync(filename), bytes)).toBe(0);
  await expect(run("repairWrite", { filename, format: "qed", ids, digest: "" })).rejects.toMatchObject({
    code: "EINVAL",
    context: { hint: expect.any(String) },
  });
});

it("are waited for when they are told to stop, however long they take to a safe place", async () => {
  vi.useFakeTimers();
  let post: (message: FromWorker) => void = () => undefined;
  let closed = false;
  const slow: Port = {
    post: () => undefined,
    listen: (onMessage) => {
      post = onMessage;
    },
    close: () => {
      closed = true;
    },
  };
  const params = { journal: "/j", mode: "undo", dryRun: false } as const;
  const job = startJob("repairFinish", params, quiet, slow);
  job.cancel();
  vi.advanceTimersByTime(60_000);
  expect(closed).toBe(false);
  post({ kind: "end", result: { cancelled: true } });
  await expect(job.done).resolves.toEqual({ cancelled: true });
});
