// What of a selection is copied, how much at most, and what an unreadable byte does to it.
import { describe, expect, it } from "vitest";
import type { Page } from "../../../core/jobs/sessionContract.ts";
import type { Surface } from "../../../renderer/store/surface.ts";
import { fileRef, installFakeBridge, openedImage } from "../fakeBridge.ts";

const bridge = installFakeBridge();
const { copyLimit, rangeText, selectedBytes, tooLarge } = await import("../../../renderer/hex/copy.ts");
const { createHexView, plainRows } = await import("../../../renderer/hex/model.ts");

function surfaceOf(change: Partial<Surface> = {}): Surface {
  const image = openedImage(fileRef("disk.raw"));
  const size = image.size;
  return {
    source: { image: image.image, node: "", size, generation: 0 },
    image,
    rows: plainRows(size, 16),
    view: createHexView(),
    space: "guest",
    side: undefined,
    shift: 0,
    clusterSize: undefined,
    extent: size,
    ...change,
  };
}
/** Every byte is the low byte of its own offset. */
const read = ({ offset, length }: { offset: number; length: number }): Page => ({
  bytes: Uint8Array.from({ length }, (_, index) => (offset + index) % 256),
  bad: [],
});

describe("the selected bytes", () => {
  it("run from the lower to the higher end, both included", () => {
    const surface = surfaceOf();
    surface.view.setState({ anchor: 20, caret: 10 });
    expect(selectedBytes(surface)).toEqual({ offset: 10, length: 11 });
  });

  it("are those the image has: shifted, and cut at its ends", () => {
    const surface = surfaceOf({ shift: -16 });
    surface.view.setState({ anchor: 0, caret: 31 });
    expect(selectedBytes(surface)).toEqual({ offset: 0, length: 16 });
    surface.view.setState({ anchor: 0, caret: 15 });
    expect(selectedBytes(surface)).toBeUndefined();
    surface.view.setState({ anchor: (1 << 20) + 10, caret: (1 << 20) + 100 });
    expect(selectedBytes(surface)).toEqual({ offset: (1 << 20) - 6, length: 6 });
  });
});

describe("copying", () => {
  it("reads bytes that are not on screen and tells how far it is", async () => {
    bridge.answer("image:read", read);
    const shares: number[] = [];
    const text = await rangeText(surfaceOf(), { offset: 254, length: 4 }, "octets", {
      progress: (share) => shares.push(share),
    });
    expect(text).toBe("FE FF 00 01");
    expect(shares).toEqual([1]);
  });

  it("fails with the place of a byte that can't be read", async () => {
    bridge.answer("image:read", (request: { offset: number; length: number }) => ({
      ...read(request),
      bad: [{ offset: 512, length: 512, message: "the drive reported an I/O error" }],
    }));
    await expect(rangeText(surfaceOf(), { offset: 0, length: 4096 }, "hex")).rejects.toMatchObject({
      message: "the drive reported an I/O error",
      context: { offset: 512 },
    });
  });

  it("refuses more than 64 MiB, and texts larger than can be handed over", async () => {
    expect(tooLarge("hex", copyLimit)).toBeUndefined();
    expect(tooLarge("hex", copyLimit + 1)).toMatch(/64 MiB/);
    // 64 MiB at six characters a byte are more than 2^28.
    expect(tooLarge("c", copyLimit)).toMatch(/select less/);
    await expect(rangeText(surfaceOf(), { offset: 0, length: copyLimit + 1 }, "hex")).rejects.toThrow(
      /64 MiB/,
    );
  });
});
