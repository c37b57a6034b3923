// Which file a map is of: the same for two scans of one state, and another as soon as somebody writes to it.
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { mapClusters } from "../../../core/ops/clusterMap.ts";
import { openBytes, openPath } from "../../build/open.ts";
import { buildQed } from "../../build/qed.ts";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "blkscope-identity-"));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const { bytes } = buildQed({
  size: 1024 * 1024,
  clusterSize: 4096,
  tableSize: 1,
  clusters: new Map([[3, Uint8Array.of(1)]]),
});
const quiet = () => ({ signal: new AbortController().signal, progress: () => undefined });
const identityOf = async (name: string) =>
  (await mapClusters(await openPath(name), quiet())).summary.identity;

it.each(["image.qed", "image.raw"])("tells states of %s apart", async (name) => {
  const file = path.join(folder, name);
  fs.writeFileSync(file, name.endsWith("qed") ? bytes : new Uint8Array(100_000).fill(1));
  const first = await identityOf(file);
  expect(first).toMatchObject({ isChanged: false });
  expect(await identityOf(file)).toEqual(first);
  // A second later by the clock of the file, whatever that of the file system can tell apart.
  const { atime, mtimeMs } = fs.statSync(file);
  fs.utimesSync(file, atime, new Date(mtimeMs + 1000));
  expect((await identityOf(file))?.state).not.toBe(first?.state);
});

it("says when the file was written to while it was scanned", async () => {
  const file = path.join(folder, "busy.qed");
  fs.writeFileSync(file, bytes);
  const node = await openPath(file);
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => (now += 30));
  const rest = async () => fs.appendFileSync(file, "more");
  const { summary } = await mapClusters(node, { ...quiet(), rest });
  vi.restoreAllMocks();
  expect(summary.identity).toMatchObject({ isChanged: true });
});

it("is not known of what is in no file", async () => {
  expect((await mapClusters(await openBytes(bytes), quiet())).summary.identity).toBeUndefined();
});
