// Where a list scrolls so that its active row is in sight: below the header, above the bottom edge, no further than needed.
import { describe, expect, it } from "vitest";
import { scrollTopFor } from "../../../renderer/panels/compare/listScroll.ts";

// Rows are 24 pixels high, the header that covers the top 26: 146 pixels show 5 rows, 120 pixels of them.
const list = (scrollTop: number) => ({ scrollTop, clientHeight: 146 });

describe("the scroll position of a list", () => {
  it("stays while the active row is wholly in sight", () => {
    for (const row of [0, 2, 4]) expect(scrollTopFor(row, list(0))).toBe(0);
    // Rows 10 to 14 show.
    for (const row of [10, 12, 14]) expect(scrollTopFor(row, list(240))).toBe(240);
  });

  it("moves by a row when the active row leaves at the bottom or at the top", () => {
    expect(scrollTopFor(5, list(0))).toBe(24);
    expect(scrollTopFor(15, list(240))).toBe(264);
    expect(scrollTopFor(9, list(240))).toBe(216);
  });

  it("brings a row that is cut by an edge wholly into sight", () => {
    // Pixels 250 to 370 show: row 10 (240 to 264) is cut above, row 15 (360 to 384) below.
    expect(scrollTopFor(10, list(250))).toBe(240);
    expect(scrollTopFor(15, list(250))).toBe(264);
  });

  it("shows the start of the row in a list too low for one", () => {
    expect(scrollTopFor(7, { scrollTop: 0, clientHeight: 30 })).toBe(168);
  });
});
