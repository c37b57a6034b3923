// Plan, write, check, undo on real files; what changed in between, what is cancelled, what is in the way.
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { expect, it } from "vitest";
import { openGraph } from "../../../core/graph.ts";
import { brokenQed } from "../../build/brokenQed.ts";
import { tempDir, tempFile } from "../../build/temp.ts";
import { finish, look, planned, write } from "./repairJobs.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const isSame = (file: string, bytes: Uint8Array) => Buffer.compare(fs.readFileSync(file), bytes) === 0;

function broken(folder?: string): { file: string; journal: string; bytes: Uint8Array } {
  const bytes = brokenQed();
  const file = tempFile("a.qed", bytes, folder);
  return { file, journal: `${file}.blkscope-undo`, bytes };
}

it("writes what was chosen, checks it, and takes back every byte", async () => {
  const { file, journal, bytes } = broken();
  const phases: string[] = [];
  const written = await write(await planned(file), (phase) => phases.push(phase));
  expect(written).toMatchObject({ cancelled: false, target: file, journal, state: "verified" });
  expect(written.changes.done).toBe(written.changes.total);
  expect(written.error).toBeUndefined();
  expect(written.after).toMatchObject({ dirty: false, unmended: [] });
  expect(written.after?.check.corruptions).toBe(0);
  expect(written.hashes).toEqual({ before: sha256(bytes), after: sha256(fs.readFileSync(file)) });
  expect(isSame(file, bytes)).toBe(false);
  const main = phases.filter((phase) => !phase.includes("hash"));
  expect(main).toEqual([
    "Reading the tables",
    "Writing the journal",
    "Comparing the image with the journal",
    "Copying to the end of the file",
    "Reading back what was copied",
    "Writing changes",
    "Reading back what was written",
    "Reading back the whole repair",
    "Checking",
    "Looking for what is left",
  ]);
  const undone = await finish(journal, "undo");
  expect(undone).toMatchObject({ cancelled: false, facts: { state: "undone", refusal: undefined } });
  expect(isSame(file, bytes)).toBe(true);
});

it("writes some of the items and leaves the others", async () => {
  const { file } = broken();
  const looking = await look(file);
  const all = await looking.ask("items", { first: 0, count: 1000 });
  await looking.end();
  const first = all.find(({ needs, action }) => needs.length === 0 && action === "clear-entry");
  const written = await write(await planned(file, [first?.id ?? ""]));
  expect(written.state).toBe("verified");
  const again = await look(file);
  const left = await again.ask("items", { first: 0, count: 1000 });
  await again.end();
  expect(left.map(({ id }) => id)).not.toContain(first?.id);
  expect(written.after).toMatchObject({ itemsLeft: left.length, dirty: true });
});

it("writes nothing when the image is not the one that was seen", async () => {
  const { file, journal, bytes } = broken();
  const params = await planned(file);
  fs.appendFileSync(file, new Uint8Array(4096));
  const longer = fs.readFileSync(file);
  await expect(write(params)).rejects.toMatchObject({
    code: "EINVAL",
    message: expect.stringContaining("not what it was"),
    context: { hint: expect.stringContaining("Nothing was changed") },
  });
  expect(isSame(file, longer)).toBe(true);
  expect(fs.existsSync(journal)).toBe(false);
  fs.writeFileSync(file, bytes);
  await expect(write({ ...params, digest: "0".repeat(64) })).rejects.toMatchObject({ code: "EINVAL" });
  // Without the dirty bit, which comes last.
  await expect(write({ ...params, ids: params.ids.slice(0, -1) })).rejects.toMatchObject({ code: "EINVAL" });
  await expect(write({ ...params, ids: [] })).rejects.toMatchObject({ code: "EINVAL" });
  await expect(write({ ...params, ids: ["clear:0x1"] })).rejects.toMatchObject({ code: "EINVAL" });
  expect(isSame(file, bytes)).toBe(true);
  expect(fs.existsSync(journal)).toBe(false);
});

it.each(["Reading the tables", "Reading the image for its hash", "Writing the journal"])(
  "leaves image and folder as they were when cancelled at: %s",
  async (when) => {
    const { file, bytes } = broken();
    const params = await planned(file);
    const written = await write(params, (phase, cancel) => {
      if (phase === when) cancel();
    });
    expect(written).toMatchObject({ cancelled: true, state: "planned", journal: undefined });
    expect(written).toMatchObject({ error: undefined, after: undefined, changes: { done: 0 } });
    expect(isSame(file, bytes)).toBe(true);
    expect(fs.readdirSync(path.dirname(file))).toEqual(["a.qed"]);
    // Nothing of it is in the way of the next.
    expect((await write(params)).state).toBe("verified");
  },
);

it("leaves no copy when it is cancelled before the first change", async () => {
  const { file, bytes } = broken();
  const written = await write({ ...(await planned(file)), copyTo: `${file}.mended` }, (phase, cancel) => {
    if (phase.startsWith("Comparing")) cancel();
  });
  expect(written).toMatchObject({ cancelled: true, state: "planned", journal: undefined });
  expect(fs.readdirSync(path.dirname(file))).toEqual(["a.qed"]);
  expect(isSame(file, bytes)).toBe(true);
});

it("has written everything when cancelled while it checks", async () => {
  const { file, journal, bytes } = broken();
  const written = await write(await planned(file), (phase, cancel) => {
    if (phase === "Checking") cancel();
  });
  expect(written).toMatchObject({ cancelled: true, state: "verified", journal, after: undefined });
  await finish(journal, "undo");
  expect(isSame(file, bytes)).toBe(true);
});

it("mends a copy and leaves the image alone", async () => {
  const { file, bytes } = broken();
  const copy = `${file}.mended`;
  const params = { ...(await planned(file)), copyTo: copy };
  const written = await write(params);
  const journal = `${copy}.blkscope-undo`;
  expect(written).toMatchObject({ target: copy, journal, state: "verified" });
  expect(isSame(file, bytes)).toBe(true);
  const looking = await look(copy);
  expect(looking.offered.check.corruptions).toBe(0);
  await looking.end();
  await finish(journal, "undo");
  expect(isSame(copy, bytes)).toBe(true);
});

it.each(["Copying the image", "Reading the tables", "Writing the journal"])(
  "leaves no copy when cancelled at: %s",
  async (when) => {
    const { file, bytes } = broken();
    const params = { ...(await planned(file)), copyTo: `${file}.mended` };
    const written = await write(params, (phase, cancel) => {
      if (phase === when) cancel();
    });
    expect(written).toMatchObject({ cancelled: true, state: "planned", journal: undefined });
    expect(isSame(file, bytes)).toBe(true);
    expect(fs.readdirSync(path.dirname(file))).toEqual(["a.qed"]);
  },
);

it("writes over no file: neither a copy, nor a journal", async () => {
  const { file, journal, bytes } = broken();
  const params = await planned(file);
  const taken = tempFile("taken", new Uint8Array([1, 2, 3]));
  for (const place of [{ copyTo: taken }, { journal: taken }, { copyTo: file }, { journal: file }]) {
    await expect(write({ ...params, ...place })).rejects.toMatchObject({ code: "EINVAL" });
  }
  expect([...fs.readFileSync(taken)]).toEqual([1, 2, 3]);
  const refused = await write({ ...params, journal: taken }).catch((error: unknown) => error);
  expect((refused as { context: { hint: string } }).context.hint).toMatch(/Move it away, or name another\.$/);
  // A copy whose journal can't be written is taken away again.
  const copyTo = `${file}.mended`;
  await expect(write({ ...params, copyTo, journal: taken })).rejects.toMatchObject({ code: "EINVAL" });
  expect(fs.existsSync(copyTo)).toBe(false);
  expect(isSame(file, bytes)).toBe(true);
  expect(fs.existsSync(journal)).toBe(false);
});

it("puts the journal where the person says", async () => {
  const { file, journal, bytes } = broken();
  const place = path.join(tempDir(), "elsewhere");
  const written = await write({ ...(await planned(file)), journal: place });
  expect(written.journal).toBe(place);
  expect(fs.existsSync(journal)).toBe(false);
  await finish(place, "undo", { image: file });
  expect(isSame(file, bytes)).toBe(true);
});

it("refuses an image that another program uses, and has looked at it all the same", async () => {
  const { file, bytes } = broken();
  const params = await planned(file);
  const other = await openGraph({ driver: "file", filename: file }, { readOnly: false });
  await expect(write(params)).rejects.toMatchObject({ code: "EBUSY" });
  await expect(write({ ...params, copyTo: `${file}.mended` })).rejects.toMatchObject({ code: "EBUSY" });
  const looking = await look(file);
  await looking.end();
  await other.close();
  expect(isSame(file, bytes)).toBe(true);
  expect(fs.readdirSync(path.dirname(file))).toEqual(["a.qed"]);
});
