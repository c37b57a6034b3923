import { beforeEach, describe, expect, it } from "vitest";
import type { RepairWritten } from "../../../core/ops/repairRun.ts";
import {
  type FakeBridge,
  fileRef,
  installFakeBridge,
  openedImage,
  plainError,
  settle,
} from "../fakeBridge.ts";
import { choice, dirtyItem, item, offered, preflight, written } from "./build.ts";

const { RepairSession } = await import("../../../renderer/panels/repair/session.ts");
const { listenForJobs } = await import("../../../renderer/store/jobs.ts");
const { useView } = await import("../../../renderer/store/view.ts");

const items = [item(0x1000), item(0x1008), dirtyItem];
const ids = items.map(({ id }) => id);
const image = () => openedImage(fileRef("disk.qed"));

let bridge: FakeBridge;
let lastJob = 100;
let session: InstanceType<typeof RepairSession>;
const state = () => session.store.getState();

beforeEach(async () => {
  bridge = installFakeBridge();
  listenForJobs();
  for (const name of ["job:repairPlan", "job:repairWrite", "job:repairFinish"] as const) {
    bridge.answer(name, () => ({ job: ++lastJob }));
  }
  bridge.answer("repair:items", ({ first, count }: { first: number; count: number }) =>
    items.slice(first, first + count),
  );
  bridge.answer("repair:choose", ({ ids: asked }: { ids: readonly string[] | "default" }) =>
    choice(asked === "default" ? ids : asked),
  );
  // As the engine does: the mark needs all others, so that it goes with any of them and brings all along.
  bridge.answer(
    "repair:toggle",
    ({ ids: chosen, id, on }: { ids: readonly string[]; id: string; on: boolean }) => {
      if (on) return choice(id === dirtyItem.id ? ids : [...chosen, id]);
      return choice(chosen.filter((one) => one !== id && one !== dirtyItem.id));
    },
  );
  bridge.answer("repair:changes", () => []);
  bridge.answer("repair:map", () => ({
    clustersPerCell: 1,
    before: Uint8Array.of(1),
    after: Uint8Array.of(1),
  }));
  bridge.answer("repair:preflight", () => preflight());
  session = new RepairSession();
  session.attach(image());
  await settle();
});

async function endPlan(more = {}): Promise<void> {
  bridge.send("job:end", {
    job: lastJob,
    ok: true,
    name: "repairPlan",
    summary: { cancelled: false, offered: offered({ items: items.length, ...more }) },
  });
  for (let turn = 0; turn < 6; turn++) await settle();
}

async function endWrite(more: Partial<RepairWritten> = {}): Promise<void> {
  bridge.send("job:end", {
    job: lastJob,
    ok: true,
    name: "repairWrite",
    summary: {
      ...written({ journal: "/images/disk.qed.blkscope-undo", ...more }),
      targetFile: fileRef("disk.qed"),
      journalFile: more.state === "planned" ? undefined : fileRef("disk.qed.blkscope-undo"),
    },
  });
  await settle();
}

async function toWrite(): Promise<void> {
  await endPlan();
  for (const step of ["findings", "plan", "write"] as const) session.go(step);
  await settle();
}

describe("a repair", () => {
  it("looks at once, and writes nothing however far it is walked", async () => {
    expect(bridge.requests("job:repairPlan")).toHaveLength(1);
    await toWrite();
    expect(state().step).toBe("write");
    expect(bridge.requests("job:repairWrite")).toEqual([]);
  });

  it("begins with the default choice, all items counted, and a copy where there is room", async () => {
    await endPlan();
    expect(state().choice?.ids).toEqual(ids);
    expect(session.findings.ids).toEqual(ids);
    expect(state().preflight.kind).toBe("known");
    expect(session.toCopy).toBe(true);
  });

  it("asks for the preflight with what is chosen, so that the space it names is that of this journal", async () => {
    await endPlan();
    expect(bridge.requests("repair:preflight")).toEqual([{ job: lastJob, ids }]);
  });

  it("takes changes of the choice one after the other, each from the answer of the one before", async () => {
    await endPlan();
    session.toggle(ids[0] ?? "");
    session.toggle(ids[1] ?? "");
    for (let turn = 0; turn < 6; turn++) await settle();
    expect(bridge.requests("repair:toggle")).toEqual([
      { job: lastJob, ids, id: ids[0], on: false },
      { job: lastJob, ids: [ids[1]], id: ids[1], on: false },
    ]);
    expect(state().choice?.ids).toEqual([]);
    expect(state().choosing).toBe(false);
    expect(session.isChosen(dirtyItem.id)).toBe(false);
  });

  it("keeps the choice when a change of it fails, and says why", async () => {
    await endPlan();
    bridge.answer("repair:toggle", () => {
      throw plainError("the thread is gone");
    });
    session.toggle(ids[0] ?? "");
    for (let turn = 0; turn < 6; turn++) await settle();
    expect(state().choice?.ids).toEqual(ids);
    expect(state().choiceError?.message).toBe("the thread is gone");
  });

  it("writes to a copy only once its place is chosen, and tells the digest that was seen", async () => {
    await toWrite();
    session.write();
    expect(bridge.requests("job:repairWrite")).toEqual([]);
    bridge.answer("files:chooseSave", () => fileRef("mended.qed"));
    await session.places.choose("copyTo", "Where", "disk copy.qed");
    session.write();
    await settle();
    const [request] = bridge.requests("job:repairWrite") as [Record<string, unknown>];
    expect(request).toMatchObject({ ids, digest: `digest of ${ids.join(" ")}`, copyTo: "token-mended.qed" });
    expect(request.journal).toBeUndefined();
  });

  it("is not written while what depends on a change of the choice is worked out, but what was chosen then", async () => {
    await toWrite();
    session.places.setToCopy(false);
    session.go("plan");
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    bridge.answer("repair:toggle", () => held.then(() => choice([ids[1] ?? ""])));
    session.toggle(ids[0] ?? "");
    session.go("write");
    expect(state().step).toBe("plan");
    session.write();
    await settle();
    expect(bridge.requests("job:repairWrite")).toEqual([]);
    answer();
    await settle();
    session.go("write");
    session.write();
    await settle();
    expect(bridge.requests("job:repairWrite")).toMatchObject([{ ids: [ids[1]] }]);
  });

  it("shows the outcome when it was written, and the way to undo it", async () => {
    await toWrite();
    session.places.setToCopy(false);
    session.write();
    session.write();
    await settle();
    expect(bridge.requests("job:repairWrite")).toHaveLength(1);
    await endWrite();
    expect(state().step).toBe("verify");
    expect(session.undo?.token).toBe("token-disk.qed.blkscope-undo");
    session.go("plan");
    expect(state().step).toBe("verify");
    session.write();
    expect(bridge.requests("job:repairWrite")).toHaveLength(1);
  });

  it("goes on writing without its tab, and says how that ended", async () => {
    await toWrite();
    session.places.setToCopy(false);
    session.write();
    await settle();
    session.dispose();
    expect(session.writeJob?.state.kind).toBe("running");
    await endWrite();
    expect(useView.getState().note).toMatch(/written and verified: disk\.qed/);
    expect(session.writeJob).toBeUndefined();
  });

  it("says so when writing without its tab failed", async () => {
    await toWrite();
    session.places.setToCopy(false);
    session.write();
    await settle();
    session.dispose();
    bridge.send("job:end", { job: lastJob, ok: false, error: plainError("the image is in use by qemu-io") });
    expect(useView.getState().note).toBe("Nothing was written to disk.qed: the image is in use by qemu-io");
    expect(session.writeJob).toBeUndefined();
  });

  it("stays at writing when it was stopped before the first change, and can be tried again", async () => {
    await toWrite();
    session.places.setToCopy(false);
    session.write();
    await settle();
    await endWrite({ state: "planned", cancelled: true, journal: undefined, after: undefined });
    expect(state().step).toBe("write");
    expect(session.undo).toBeUndefined();
    session.write();
    await settle();
    expect(bridge.requests("job:repairWrite")).toHaveLength(2);
  });

  it("looks whether it is possible now when trying again after a failure, and writes nothing by that", async () => {
    await toWrite();
    session.places.setToCopy(false);
    session.write();
    await settle();
    bridge.send("job:end", { job: lastJob, ok: false, error: plainError("there is a journal already") });
    await settle();
    expect(state().step).toBe("write");
    const asked = bridge.requests("repair:preflight").length;
    session.forgetWrite();
    await settle();
    expect(session.writeJob).toBeUndefined();
    expect(bridge.requests("repair:preflight")).toHaveLength(asked + 1);
    expect(bridge.requests("job:repairWrite")).toHaveLength(1);
  });

  it("keeps what was written when the image is opened again, and begins anew only when asked", async () => {
    await toWrite();
    session.places.setToCopy(false);
    session.write();
    await settle();
    await endWrite();
    session.attach(image());
    expect(state().step).toBe("verify");
    expect(bridge.requests("job:repairPlan")).toHaveLength(1);
    session.look();
    await settle();
    expect(state().step).toBe("preflight");
    expect(session.undo).toBeUndefined();
    expect(bridge.requests("job:repairPlan")).toHaveLength(2);
  });

  it("looks again when the image was opened again before anything was written", async () => {
    await endPlan();
    session.attach(image());
    await settle();
    expect(bridge.requests("job:repairPlan")).toHaveLength(2);
    expect(state().choice).toBeUndefined();
  });

  it("asks for the bytes of rows in sight one at a time, and again when the choice has changed", async () => {
    await endPlan();
    const asked = () => bridge.requests("repair:changes").length;
    const before = asked();
    expect(session.changeOf(items[0] ?? dirtyItem)).toBeUndefined();
    expect(session.changeOf(items[0] ?? dirtyItem)).toBeUndefined();
    for (let turn = 0; turn < 4; turn++) await settle();
    expect(asked()).toBe(before + 1);
    expect(session.changeOf(items[0] ?? dirtyItem)).toEqual([]);
    session.toggle(ids[1] ?? "");
    for (let turn = 0; turn < 6; turn++) await settle();
    expect(session.changeOf(items[0] ?? dirtyItem)).toBeUndefined();
  });

  it("takes the map and bytes that were asked for when the same is chosen again meanwhile", async () => {
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const cells = Uint8Array.of(7);
    bridge.answer("repair:map", () => held.then(() => ({ clustersPerCell: 1, before: cells, after: cells })));
    bridge.answer("repair:changes", () => held.then(() => []));
    await endPlan();
    session.choose("default");
    for (let turn = 0; turn < 4; turn++) await settle();
    expect(state()).toMatchObject({ choosing: false, changes: { kind: "asking" }, strips: { kind: "none" } });
    answer();
    for (let turn = 0; turn < 4; turn++) await settle();
    expect(state()).toMatchObject({
      changes: { kind: "known", value: [] },
      strips: { kind: "known", value: { before: cells } },
    });
  });

  it("shows no bytes of the row before under a row whose page is still on its way, and its own when that has come", async () => {
    const far = item(0x9000);
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    bridge.answer("repair:items", ({ first }: { first: number }) =>
      first === 0 ? items : held.then(() => [far]),
    );
    await endPlan({ items: 1001 });
    expect(state().changes.kind).toBe("known");
    session.select(1000);
    expect(state().changes.kind).toBe("none");
    answer();
    for (let turn = 0; turn < 4; turn++) await settle();
    expect(bridge.requests("repair:changes").at(-1)).toMatchObject({ id: far.id });
    expect(state().changes.kind).toBe("known");
  });

  it("keeps an earlier journal under another name and asks again what stands in the way", async () => {
    await endPlan();
    const journal = fileRef("disk.qed.blkscope-undo");
    bridge.answer("repair:setAside", () => fileRef("disk.qed.earlier-1.blkscope-undo"));
    const asks = bridge.requests("repair:preflight").length;
    await session.places.keepEarlier(journal);
    expect(bridge.requests("repair:setAside")).toEqual([{ token: journal.token, image: "token-disk.qed" }]);
    expect(bridge.requests("repair:preflight")).toHaveLength(asks + 1);
    expect(useView.getState().note).toBe("The earlier undo journal is now disk.qed.earlier-1.blkscope-undo");
    bridge.answer("repair:delete", () => {
      throw plainError("may be of use still");
    });
    await session.places.deleteEarlier(journal);
    expect(state().earlierError?.message).toContain("may be of use still");
    expect(state().clearing).toBe(false);
  });

  describe("saving what leaked clusters hold", () => {
    const rescued = { written: 8192, zero: 4096, unreadable: 0 };
    const words = "8 KiB saved to leaks.bin, with its index in leaks.bin.json; 4 KiB of zeros left out";
    const start = async () => {
      await endPlan();
      bridge.answer("job:repairRescue", () => ({ job: 99 }));
      bridge.answer("files:chooseSave", () => fileRef("leaks.bin"));
      await session.rescue.start(image());
      await settle();
    };
    const done = () => {
      const summary = { cancelled: false, rescued };
      bridge.send("job:end", { job: 99, ok: true, name: "repairRescue", summary });
    };
    const note = () => useView.getState().note;
    const nothing = "nothing said";
    beforeEach(() => useView.getState().say(nothing));

    it("says how it ended only where its page does not show, and keeps that for it", async () => {
      await start();
      const left = session.rescue.show();
      done();
      expect(note()).toBe(nothing);
      left();
      await start();
      done();
      expect(note()).toBe(`Leaked clusters of disk.qed: ${words}`);
      expect(session.rescue.state).toMatchObject({ kind: "done", summary: { rescued } });
    });

    it("says why it failed", async () => {
      await start();
      bridge.send("job:end", { job: 99, ok: false, error: plainError("no space is left") });
      expect(note()).toBe("Leaked clusters of disk.qed: not saved: no space is left");
    });

    it("is not begun a second time while it runs, and goes on when the image is looked at again", async () => {
      await start();
      session.look();
      await start();
      expect(bridge.requests("job:repairRescue")).toHaveLength(1);
      done();
      expect(session.rescue.state?.kind).toBe("done");
      session.look();
      expect(session.rescue.state).toBeUndefined();
    });

    it("goes on without its tab, says how it ended, and is forgotten then", async () => {
      await start();
      session.dispose();
      expect(session.rescue.state?.kind).toBe("running");
      done();
      expect(note()).toBe(`Leaked clusters of disk.qed: ${words}`);
      expect(session.rescue.state).toBeUndefined();
    });
  });

  it("asks again when another view begins to write, and when it ends", async () => {
    await endPlan();
    const plan = lastJob;
    const asks = () => {
      const all = bridge.requests("repair:preflight") as readonly { readonly job: number }[];
      return all.filter(({ job }) => job === plan).length;
    };
    const before = asks();
    const { JournalSession } = await import("../../../renderer/panels/repair/journalSession.ts");
    bridge.answer("repair:look", () => ({
      image: fileRef("disk.qed"),
      imageState: "found",
      state: "verified",
    }));
    const other = new JournalSession("other");
    await other.look();
    other.run("undo");
    await settle();
    expect(asks()).toBe(before + 1);
    bridge.send("job:end", { job: lastJob, ok: false, error: plainError("no space left") });
    await settle();
    expect(asks()).toBe(before + 2);
    other.dispose();
  });
});
