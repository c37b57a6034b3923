// A backing file without a recorded format: what is guessed is told, and the app asks before it is believed. Commands
// believe it, as the peer does.
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import { openGraph } from "../../core/graph.ts";
import { buildQcow2 } from "../build/qcow2.ts";
import { tempDir } from "../build/temp.ts";

const backingFormat = 0xe2792aca;

/** top.qcow2 over base, which is itself an image when `inner` is given. */
function chain(format: string | undefined, base: Uint8Array): string {
  const folder = tempDir();
  fs.writeFileSync(path.join(folder, "base"), base);
  const extensions = format === undefined ? [] : [[backingFormat, Buffer.from(format)] as const];
  const { bytes } = buildQcow2({ size: 1024 * 1024, backing: "base", extensions });
  fs.writeFileSync(path.join(folder, "top.qcow2"), bytes);
  return path.join(folder, "top.qcow2");
}
const raw = new Uint8Array(4096).fill(7);

describe("a backing file whose format is not recorded", () => {
  it.each([
    ["raw", raw],
    ["qcow2", buildQcow2({ size: 4096 }).bytes],
  ])("waits for the person's word where only files beside the image are opened: %s", async (format, base) => {
    const top = chain(undefined, base);
    await expect(openGraph(top, { backing: "beside" })).rejects.toMatchObject({
      code: "EACCES",
      message: expect.stringContaining(`By its first bytes it is ${format}`),
      context: { consent: "backing", path: path.join(path.dirname(top), "base") },
    });
    const graph = await openGraph(top, { backing: "plain" });
    expect(graph.nodeAt("backing")?.driver).toBe(format);
    await graph.close();
  });

  it("is told of before anything that the guess would open", async () => {
    // A guest that owns a raw disk can write this into it: an image over a file of the host.
    const planted = buildQcow2({ size: 4096, backing: "/etc/passwd" }).bytes;
    await expect(openGraph(chain(undefined, planted), { backing: "beside" })).rejects.toMatchObject({
      message: expect.stringContaining("is not recorded in the image. By its first bytes it is qcow2"),
    });
    // Recorded as raw it is raw, whatever it holds.
    const graph = await openGraph(chain("raw", planted), { backing: "beside" });
    expect(graph.nodeAt("backing")?.driver).toBe("raw");
    await graph.close();
  });

  it("is opened without a word where the format is recorded", async () => {
    const graph = await openGraph(chain("raw", raw), { backing: "beside" });
    const bytes = new Uint8Array(8192);
    await graph.root.read(0, bytes);
    expect([bytes[0], bytes[4095], bytes[4096]]).toEqual([7, 7, 0]);
    await graph.close();
  });
});
