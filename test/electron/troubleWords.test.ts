import { expect, it } from "vitest";
import { imagesText } from "../../electron/troubleWords.ts";

it("says that nothing was being written only where that is so", () => {
  expect(imagesText([])).toBe("Nothing was being written to your images.");
  expect(imagesText(["Repair of a.qed", "Undo of b.blkscope-undo"])).toBe(
    "Repair of a.qed, Undo of b.blkscope-undo: changes are still being written, and this goes on. " +
      "You are asked before the window closes over it.",
  );
});
