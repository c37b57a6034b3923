import { describe, expect, it } from "vitest";
import { signatures } from "../../../core/ops/mismatch.ts";
import { parseFilter } from "../../../renderer/panels/compare/filter.ts";
import {
  isNatural,
  naturalOrder,
  orderRows,
  type SortKey,
  sortKeys,
} from "../../../renderer/panels/compare/runSort.ts";
import { RunTable } from "../../../renderer/panels/compare/runTable.ts";
import { batchOf, type ModelRun, randomRuns, seeded } from "./model.ts";

const clusters = { a: 65536, b: 65536, shift: 0 };
const valueBy: Record<SortKey, (run: ModelRun) => number> = {
  row: (run) => run.offset,
  offset: (run) => run.offset,
  length: (run) => run.length,
  bytes: (run) => run.bytes,
  signature: (run) => signatures.indexOf(run.signature),
};

describe("the order of the mismatch list", () => {
  const runs = randomRuns(2000, seeded(99));
  const table = new RunTable();
  table.append(batchOf(runs));
  const columns = table.snapshot();

  it("sorts by every column in both directions, equal keys by offset", () => {
    for (const key of sortKeys) {
      for (const descending of [false, true]) {
        const rows = [...orderRows({ columns, order: { key, descending }, terms: [], clusters })];
        const sign = descending ? -1 : 1;
        const expected = runs
          .map((run, row) => ({ value: valueBy[key](run), row }))
          .sort((left, right) => sign * (left.value - right.value) || left.row - right.row)
          .map(({ row }) => row);
        expect(rows, `${key} ${descending}`).toEqual(expected);
      }
    }
  });

  it("filters, then sorts", () => {
    const parsed = parseFilter("sig:zeroed len>4");
    if (!parsed.ok) throw new Error(parsed.message);
    const rows = [
      ...orderRows({ columns, order: { key: "bytes", descending: true }, terms: parsed.terms, clusters }),
    ];
    const expected = runs
      .map((run, row) => ({ ...run, row }))
      .filter(({ signature, sectors }) => (signature === "a-zero" || signature === "b-zero") && sectors > 4)
      .sort((left, right) => right.bytes - left.bytes || left.row - right.row)
      .map(({ row }) => row);
    expect(expected.length).toBeGreaterThan(10);
    expect(rows).toEqual(expected);
  });

  it("needs no work for every row by offset", () => {
    expect(isNatural(naturalOrder, [])).toBe(true);
    expect(isNatural({ key: "offset", descending: false }, [])).toBe(true);
    expect(isNatural({ key: "offset", descending: true }, [])).toBe(false);
    expect(isNatural(naturalOrder, [{ kind: "word", text: "x", negated: false }])).toBe(false);
  });
});
