// What a repair knows at each moment, as plain data: what views draw and the session changes.
import { type PlainError, toPlain } from "../../../core/base/errors.ts";
import type { RepairAsks, RepairChoice, ShownChange } from "../../../core/ops/repairRun.ts";
import type { ShownCheck } from "../../../electron/ipc/contract.ts";
import type { SavePlace } from "./engine.ts";
import type { Step } from "./steps.ts";

export type Strips = RepairAsks["map"]["answer"];

/** Something asked for: on its way, there, or not to be had. */
export type Asked<T> =
  | { readonly kind: "none" }
  | { readonly kind: "asking" }
  | { readonly kind: "known"; readonly value: T }
  | { readonly kind: "failed"; readonly error: PlainError };

export interface RepairState {
  readonly step: Step;
  /** The renderer's ids of the looking and of the writing job. */
  readonly plan: number | undefined;
  readonly write: number | undefined;
  /** Grows with every page of items and every answer about a row. */
  readonly version: number;
  /** Items that the groups of the findings count. */
  readonly listed: number;
  readonly listError: PlainError | undefined;
  readonly choice: RepairChoice | undefined;
  /** A change of the choice is on its way. */
  readonly choosing: boolean;
  readonly choiceError: PlainError | undefined;
  /** Row of the table that is looked at. */
  readonly row: number;
  readonly changes: Asked<readonly ShownChange[]>;
  readonly strips: Asked<Strips>;
  readonly preflight: Asked<readonly ShownCheck[]>;
  /** Mend a copy; undefined until the preflight says whether there is room for one. */
  readonly toCopy: boolean | undefined;
  readonly copyTo: SavePlace | undefined;
  /** Undefined: beside the file that is written. */
  readonly journal: SavePlace | undefined;
  readonly placeError: string | undefined;
  /** The saving of what lies in leaked clusters: the renderer's id of its job, names of the image and of the new file. */
  readonly rescue: { readonly job: number; readonly from: string; readonly to: string } | undefined;
  /** The earlier journal that has the name of the new one is being moved or deleted; why that failed. */
  readonly clearing: boolean;
  readonly earlierError: PlainError | undefined;
}

/** Before the image is looked at. */
export const fresh: RepairState = {
  step: "preflight",
  plan: undefined,
  write: undefined,
  version: 0,
  listed: 0,
  listError: undefined,
  choice: undefined,
  choosing: false,
  choiceError: undefined,
  row: 0,
  changes: { kind: "none" },
  strips: { kind: "none" },
  preflight: { kind: "none" },
  toCopy: undefined,
  copyTo: undefined,
  journal: undefined,
  placeError: undefined,
  rescue: undefined,
  clearing: false,
  earlierError: undefined,
};

/** The answer or why there is none; never throws. */
export async function settled<T>(answer: Promise<T>): Promise<Asked<T>> {
  try {
    return { kind: "known", value: await answer };
  } catch (error) {
    return { kind: "failed", error: toPlain(error) };
  }
}
