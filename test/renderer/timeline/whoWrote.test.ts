// "Who wrote this?" for a byte of a guest's disk whose image's file was logged: which sectors of the log's disk are asked
// about, and what is said of them.
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Location } from "../../../core/jobs/sessionContract.ts";
import type { Surface } from "../../../renderer/store/surface.ts";
import {
  type FakeBridge,
  fileRef,
  installFakeBridge,
  nodeSummary,
  openedImage,
  settle,
} from "../fakeBridge.ts";

let bridge: FakeBridge;
const show = vi.fn();

/** The image's surface with the caret at a byte of the guest's disk; a log of its file is open, of a disk of 1 MiB. */
async function surfaceAt(caret: number): Promise<Surface> {
  const { useLogs } = await import("../../../renderer/panels/timeline/session.ts");
  const session = { summary: { diskEnd: 1 << 20, sectorSize: 512 }, image: undefined, history: { show } };
  useLogs.setState({ logs: [{ tabId: "timeline:log", name: "a.log", session: session as never }] });
  const image = {
    ...openedImage(fileRef("disk.qcow2")),
    format: "qcow2",
    nodes: [nodeSummary("", "qcow2"), nodeSummary("file", "file", "file")],
  };
  const view = { getState: () => ({ caret }) };
  return { image, source: { node: "" }, view, shift: 0, space: "guest" } as unknown as Surface;
}

const layer = (found: Partial<Location>) => [
  { depth: 0, driver: "qcow2", state: "data", hostOffset: undefined, path: "", ...found },
];

async function choices(caret: number) {
  const { whoWrote, possibilities } = await import("../../../renderer/panels/timeline/whoWrote.ts");
  await whoWrote(await surfaceAt(caret));
  await settle();
  return possibilities();
}

beforeEach(() => {
  vi.resetModules();
  show.mockClear();
  bridge = installFakeBridge();
});

describe("who wrote a byte of the guest's disk", () => {
  it("is told by the sector of the file that it lies in", async () => {
    bridge.answer("image:locate", () => layer({ hostOffset: 0x5_0123 }));
    const [guest, stored] = await choices(0x123);
    expect([guest?.label, stored?.label]).toEqual([
      "a.log, as guest 0x123 of its disk",
      "a.log, as file 0x50123 of its disk",
    ]);
    const { showWriter } = await import("../../../renderer/panels/timeline/whoWrote.ts");
    if (stored) showWriter(stored);
    // 0x50123 lies in the sector at 0x50000.
    expect(show.mock.calls).toEqual([[0x5_0000, 512, true, undefined]]);
  });

  it("is told of a compressed cluster by all sectors among which its data are, with a word on that", async () => {
    // 0x50250 to 0x50600: from the sector at 0x50200 to the end of the one at 0x50400.
    bridge.answer("image:locate", () => layer({ stream: { offset: 0x5_0250, length: 0x3b0 } }));
    const [, stored] = await choices(0x1_0123);
    expect(stored?.label).toBe("a.log, as compressed data at file 0x50250 of its disk");
    const { showWriter } = await import("../../../renderer/panels/timeline/whoWrote.ts");
    if (stored) showWriter(stored);
    expect(show.mock.calls).toEqual([
      [0x5_0200, 0x400, true, expect.stringContaining("Guest 0x10123 is compressed")],
    ]);
  });

  it("has no place in the file where nothing is stored", async () => {
    bridge.answer("image:locate", () => layer({ state: "unallocated" }));
    expect((await choices(0x123)).map(({ label }) => label)).toEqual(["a.log, as guest 0x123 of its disk"]);
    // The only one there is is shown at once.
    expect(show.mock.calls).toEqual([[0, 512, true, undefined]]);
  });
});
