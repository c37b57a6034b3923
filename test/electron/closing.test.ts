import { expect, it } from "vitest";
import { CloseGuard } from "../../electron/closing.ts";

function guarded(stop: boolean, writing: string[], tidying = { is: false }) {
  const did: unknown[] = [];
  const jobs = {
    get writing() {
      return writing;
    },
    stopWriting: async () => {
      did.push("stop");
      writing.length = 0;
    },
    get isTidying() {
      return tidying.is;
    },
    stopTidying: async () => {
      if (!tidying.is) return;
      did.push("tidy");
      await settled();
      tidying.is = false;
    },
  };
  const dialog = {
    askToStop: async (titles: readonly string[]) => {
      did.push([...titles]);
      return stop;
    },
    close: () => did.push("close"),
  };
  return { guard: new CloseGuard(jobs, dialog), did };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

it("lets a window close while nothing writes", () => {
  const { guard, did } = guarded(true, []);
  expect(guard.mayClose()).toBe(true);
  expect(did).toEqual([]);
});

it("asks once, stops what writes, and closes only then", async () => {
  const { guard, did } = guarded(true, ["Repair of a.qed"]);
  expect([guard.mayClose(), guard.mayClose()]).toEqual([false, false]);
  await settled();
  expect(did).toEqual([["Repair of a.qed"], "stop", "close"]);
  expect(guard.mayClose()).toBe(true);
});

it("keeps the window when the person wants to wait, and asks again the next time", async () => {
  const { guard, did } = guarded(false, ["Repair of a.qed"]);
  expect(guard.mayClose()).toBe(false);
  await settled();
  expect(guard.mayClose()).toBe(false);
  await settled();
  expect(did).toEqual([["Repair of a.qed"], ["Repair of a.qed"]]);
});

it("ends programs that a job runs without a question, and closes then", async () => {
  const { guard, did } = guarded(false, [], { is: true });
  expect([guard.mayClose(), guard.mayClose()]).toEqual([false, false]);
  await settled();
  await settled();
  expect(did).toEqual(["stop", "tidy", "close"]);
  expect(guard.mayClose()).toBe(true);
});
