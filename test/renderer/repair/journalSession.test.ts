import { beforeEach, describe, expect, it } from "vitest";
import type { JournalLook } from "../../../electron/ipc/contract.ts";
import { type FakeBridge, fileRef, installFakeBridge, plainError, settle } from "../fakeBridge.ts";

const { JournalSession } = await import("../../../renderer/panels/repair/journalSession.ts");
const { listenForJobs } = await import("../../../renderer/store/jobs.ts");
const { useView } = await import("../../../renderer/store/view.ts");

const facts = (more: Partial<JournalLook> = {}): JournalLook => ({
  journal: "/images/disk.qed.blkscope-undo",
  imagePath: "/images/disk.qed",
  image: fileRef("disk.qed"),
  imageState: "found",
  state: "verified",
  changedAt: Date.UTC(2026, 10, 21, 13, 45),
  owner: "you",
  written: 2,
  oldSize: 4096,
  newSize: 8192,
  writes: 2,
  copies: 1,
  shown: [],
  refusal: undefined,
  ranges: [],
  ...more,
});

let bridge: FakeBridge;
let lastJob = 500;
let session: InstanceType<typeof JournalSession>;
const state = () => session.store.getState();

beforeEach(() => {
  bridge = installFakeBridge();
  listenForJobs();
  bridge.answer("repair:look", () => facts());
  bridge.answer("job:repairFinish", () => ({ job: ++lastJob }));
  session = new JournalSession("journal-token");
});

describe("an undo journal", () => {
  it("is looked at before anything can be done with it", async () => {
    session.run("undo");
    expect(bridge.requests("job:repairFinish")).toEqual([]);
    await session.look();
    expect(state().facts?.writes).toBe(2);
    session.run("undo");
    session.run("undo");
    await settle();
    expect(bridge.requests("job:repairFinish")).toEqual([
      { token: "journal-token", mode: "undo", dryRun: false, image: "token-disk.qed" },
    ]);
  });

  it("is not carried out where the image does not fit it any more", async () => {
    bridge.answer("repair:look", () => facts({ refusal: plainError("the image has changed") }));
    await session.look();
    session.run("undo");
    await settle();
    expect(bridge.requests("job:repairFinish")).toEqual([]);
  });

  it("says what became of it, as the engine found it afterwards", async () => {
    await session.look();
    session.run("undo");
    await settle();
    const summary = { cancelled: false, facts: facts({ state: "undone" }) };
    bridge.send("job:end", { job: lastJob, ok: true, name: "repairFinish", summary });
    expect(session.isUndone).toBe(true);
  });

  it("is looked at again when carrying it out failed, so that its state is known", async () => {
    await session.look();
    session.run("resume");
    await settle();
    bridge.answer("repair:look", () => facts({ state: "applying" }));
    bridge.send("job:end", { job: lastJob, ok: false, error: plainError("no space left") });
    await settle();
    expect(session.job?.state.kind).toBe("failed");
    expect(state().facts?.state).toBe("applying");
  });

  it("goes by the image that the person shows, for looking and for undoing", async () => {
    bridge.answer("repair:look", () => facts({ imageState: "missing", image: undefined }));
    await session.look();
    bridge.answer("files:choose", () => [fileRef("moved.qed")]);
    bridge.answer("repair:look", () => facts());
    await session.locate();
    session.run("undo");
    await settle();
    expect(bridge.requests("repair:look").at(-1)).toEqual({
      token: "journal-token",
      image: "token-moved.qed",
    });
    expect(bridge.requests("job:repairFinish")).toMatchObject([{ image: "token-moved.qed" }]);
  });

  it("goes on without its tab, and says how it ended", async () => {
    await session.look();
    session.run("undo");
    await settle();
    session.dispose();
    const looks = bridge.requests("repair:look").length;
    bridge.send("job:end", { job: lastJob, ok: false, error: plainError("the disk is full") });
    await settle();
    expect(useView.getState().note).toContain("The repair was not taken back: the disk is full");
    expect(session.job).toBeUndefined();
    expect(bridge.requests("repair:look")).toHaveLength(looks);
  });

  it("that can't be read says why and can be tried again", async () => {
    bridge.answer("repair:look", () => {
      throw plainError("its records are damaged");
    });
    await session.look();
    expect(state().error?.message).toBe("its records are damaged");
    bridge.answer("repair:look", () => facts());
    await session.look();
    expect(state().error).toBeUndefined();
    expect(state().facts).toBeDefined();
  });

  it("leaves an image in another folder alone until the person says that it is the one", async () => {
    const elsewhere = { imageState: "elsewhere" as const, refusal: plainError("it was not touched") };
    bridge.answer("repair:look", ({ image }: { image?: string }) =>
      facts(image === undefined ? elsewhere : {}),
    );
    await session.look();
    session.run("undo");
    await settle();
    expect(bridge.requests("repair:look")).toEqual([{ token: "journal-token" }]);
    expect(bridge.requests("job:repairFinish")).toEqual([]);
    await session.agree();
    expect(bridge.requests("repair:look").at(-1)).toEqual({
      token: "journal-token",
      image: "token-disk.qed",
    });
    session.run("undo");
    await settle();
    expect(bridge.requests("job:repairFinish")).toHaveLength(1);
  });

  it("is put aside with its image, and is not looked for under its old name any more", async () => {
    bridge.answer("repair:look", () => facts({ state: "planned" }));
    bridge.answer("repair:setAside", () => fileRef("disk.qed.earlier-1.blkscope-undo"));
    await session.look();
    await session.putAside();
    expect(bridge.requests("repair:setAside")).toEqual([{ token: "journal-token", image: "token-disk.qed" }]);
    expect(state().gone?.as?.name).toBe("disk.qed.earlier-1.blkscope-undo");
    const looks = bridge.requests("repair:look").length;
    await session.look();
    expect(bridge.requests("repair:look")).toHaveLength(looks);
  });

  it("stays where it is when it can't be deleted, and says why", async () => {
    bridge.answer("repair:delete", () => {
      throw plainError("may be of use still");
    });
    await session.look();
    await session.delete();
    expect(state().gone).toBeUndefined();
    expect(state().keptError?.message).toContain("may be of use still");
    // What the journal says is still to be seen.
    expect(state().facts?.writes).toBe(2);
    expect(state().error).toBeUndefined();
  });
});
