// What people read of the kinds of clusters. Pure, also used by the app.
import type { ClusterKind } from "./structure.ts";

export const kindWords: Readonly<Record<ClusterKind, string>> = {
  overlap: "referenced more than once",
  "bad-entry": "table with invalid entries",
  "refcount-low": "refcount too low",
  leaked: "leaked",
  "refcount-high": "refcount too high",
  unreadable: "unreadable table",
  header: "header",
  "l1-table": "L1 table",
  "l2-table": "L2 table",
  "refcount-table": "refcount table",
  "refcount-block": "refcount block",
  "snapshot-table": "snapshot table",
  bitmap: "bitmap",
  snapshot: "shared with snapshots",
  compressed: "compressed data",
  data: "data",
  zero: "zero, with storage",
  hole: "hole",
  free: "free",
  unknown: "unknown",
};
