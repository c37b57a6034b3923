// What the engine tells the repair wizard, made by hand for tests.
import type { OfferedRepair } from "../../../core/block/finding.ts";
import type { RepairChoice, RepairOffered, RepairWritten } from "../../../core/ops/repairRun.ts";
import type { ShownCheck } from "../../../electron/ipc/contract.ts";

const check: RepairOffered["check"] = {
  corruptions: 0,
  leaks: 0,
  checkErrors: 0,
  totalClusters: 16,
  allocatedClusters: 4,
  fragmentedClusters: 0,
  compressedClusters: 0,
  imageEndOffset: 0x80000,
  readError: undefined,
  findingsDropped: 0,
};

export function offered(more: Partial<RepairOffered> = {}): RepairOffered {
  return {
    fileSize: 0x80000,
    dirty: true,
    corrupt: false,
    items: 2,
    dropped: 0,
    unmended: [],
    leaks: { ranges: 0, bytes: 0 },
    check,
    ...more,
  };
}

/** A clear of an entry at `offset`. */
export function item(offset: number, more: Partial<OfferedRepair> = {}): OfferedRepair {
  return {
    id: `clear:0x${offset.toString(16)}`,
    action: "clear-entry",
    problem: `L1[0] -> L2[${offset / 8}] is 0x123: not aligned`,
    effect: "64 KiB at guest offset 0 reads as zeroes; until now it can't be read.",
    guest: [{ offset: 0, length: 65_536 }],
    risk: "cannot-be-undone-elsewhere",
    needs: [],
    isDefault: true,
    file: { offset, length: 8 },
    grows: 0,
    ...more,
  };
}

export const dirtyItem = item(16, {
  id: "clear-dirty-bit",
  action: "clear-dirty-bit",
  problem: "The image is marked as not properly closed",
  effect: "Nothing reads differently; programs that open the image do not check it first.",
  guest: [],
  risk: "safe",
});

export function choice(ids: readonly string[], more: Partial<RepairChoice> = {}): RepairChoice {
  return {
    ids,
    writes: ids.length,
    copiedBytes: 0,
    cutBytes: 0,
    newSize: 0x80000,
    risks: { safe: ids.length, "may-lose-data": 0, "cannot-be-undone-elsewhere": 0 },
    guestBytes: 0,
    journalBytes: 5000,
    digest: `digest of ${ids.join(" ")}`,
    ...more,
  };
}

export function written(more: Partial<RepairWritten> = {}): RepairWritten {
  return {
    cancelled: false,
    target: "/images/disk.qed",
    journal: undefined,
    state: "verified",
    changes: { done: 2, total: 2 },
    error: undefined,
    after: { check, dirty: false, itemsLeft: 0, unmended: [] },
    hashes: { before: "aa".repeat(32), after: "bb".repeat(32) },
    ...more,
  };
}

export const preflight = (...more: readonly ShownCheck[]): readonly ShownCheck[] => {
  const ids = [
    "readable",
    "same-file",
    "writable",
    "in-use",
    "journal-place",
    "journal-space",
    "unfinished",
    "backing",
    "copy-space",
  ] as const;
  return ids.map((id) => more.find((one) => one.id === id) ?? { id, state: "ok", text: "As it should be." });
};
