// What was found, as groups: how many problems of each kind, what of the guest's disk they touch, and the first of
// them. Filled page by page, so that groups show before the last item is known.
import type { OfferedRepair, RepairAction, RepairRisk } from "../../../core/block/finding.ts";
import { type Severity, severities, severityOf } from "./wording.ts";

/** Problems of a group that are named one by one. */
const mostNamed = 3;

export interface FindingGroup {
  readonly action: RepairAction;
  readonly count: number;
  /** Bytes of the guest's disk that read differently once these are mended. */
  readonly guestBytes: number;
  /** Bytes of the file that are cut off. */
  readonly fileBytes: number;
  /** The worst of them. */
  readonly risk: RepairRisk;
  readonly first: readonly OfferedRepair[];
}

export interface FindingSeverity {
  readonly severity: Severity;
  readonly groups: readonly FindingGroup[];
}

const worst: readonly RepairRisk[] = ["safe", "cannot-be-undone-elsewhere", "may-lose-data"];

export class Findings {
  readonly #groups = new Map<RepairAction, FindingGroup>();
  readonly #ids: string[] = [];
  readonly #safe: string[] = [];

  /** Ids of all items so far, in the order of the plan. */
  get ids(): readonly string[] {
    return this.#ids;
  }
  /** Those whose risk is "safe". */
  get safe(): readonly string[] {
    return this.#safe;
  }

  add(items: readonly OfferedRepair[]): void {
    for (const item of items) {
      this.#ids.push(item.id);
      if (item.risk === "safe") this.#safe.push(item.id);
      const known = this.#groups.get(item.action);
      this.#groups.set(item.action, known ? joined(known, item) : alone(item));
    }
  }

  /** Worst first; in each, the most frequent first. */
  grouped(): readonly FindingSeverity[] {
    return severities.flatMap((severity) => {
      const groups = [...this.#groups.values()]
        .filter(({ action }) => severityOf[action] === severity)
        .sort((a, b) => b.count - a.count);
      return groups.length > 0 ? [{ severity, groups }] : [];
    });
  }
}

function alone(item: OfferedRepair): FindingGroup {
  const { action, risk } = item;
  return { action, risk, count: 1, guestBytes: guestOf(item), fileBytes: item.file.length, first: [item] };
}

function joined(group: FindingGroup, item: OfferedRepair): FindingGroup {
  return {
    action: group.action,
    count: group.count + 1,
    guestBytes: group.guestBytes + guestOf(item),
    fileBytes: group.fileBytes + item.file.length,
    risk: worst.indexOf(item.risk) > worst.indexOf(group.risk) ? item.risk : group.risk,
    first: group.first.length < mostNamed ? [...group.first, item] : group.first,
  };
}

function guestOf({ guest }: OfferedRepair): number {
  return guest.reduce((sum, { length }) => sum + length, 0);
}
