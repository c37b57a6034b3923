import { expect, it } from "vitest";
import { compactFinding } from "../../../core/block/compact.ts";
import type { Finding, PeerLines } from "../../../core/block/finding.ts";

// Complete by their types: a new member that is not kept fails here.
const peer: Required<PeerLines> = {
  lines: ["ERROR cluster # is used twice"],
  mending: ["Repairing cluster #"],
  times: 3,
  numbers: { first: 7, count: 2 },
};
const finding: Required<Finding> = {
  id: 4,
  kind: "corruption",
  code: "overlap",
  message: "L2[3] is 0x10000: läuft über",
  offset: 65_560,
  length: 8,
  table: { level: "L2", index: 1, offset: 65_536 },
  entry: 3,
  value: "0x10000",
  guest: { offset: 196_608, length: 65_536 },
  references: { by: ["L1[0] -> L2[3]"], total: 2 },
  flagged: { offset: 65_536, isSet: true },
  repair: "clear-entry",
  peer,
};

it("keeps all that a finding says", () => {
  expect(compactFinding(finding)).toStrictEqual(finding);
});

it("adds nothing to one that says the least", () => {
  const { id, kind, code, message, offset, length, repair } = finding;
  const least: Finding = { id, kind, code, message, offset, length, repair, peer: { lines: ["one"] } };
  expect(compactFinding(least)).toStrictEqual(least);
});
