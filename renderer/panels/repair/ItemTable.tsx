// All items of the plan: chosen or not, where, risk, old and new bytes, why. Only rows in sight exist, and only their
// bytes are asked for.
import type { OfferedRepair, RepairRisk } from "../../../core/block/finding.ts";
import type { ShownChange } from "../../../core/ops/repairRun.ts";
import { bytes, decimal } from "../../widgets/format.ts";
import { ErrorIcon, OkIcon, WarningIcon } from "../../widgets/icons.ts";
import { type GridColumn, VirtualGrid } from "../compare/VirtualGrid.tsx";
import { shortBytes } from "./byteRows.ts";
import styles from "./repair.module.css";
import type { RepairSession } from "./session.ts";
import type { RepairState } from "./state.ts";
import { actionNames, riskMeanings, riskWords, whereText } from "./wording.ts";

type Key = "chosen" | "where" | "action" | "change" | "risk" | "problem";
const columns: readonly GridColumn<Key>[] = [
  { key: "chosen", label: "Do", width: 40 },
  { key: "where", label: "At (file)", width: 104 },
  { key: "action", label: "Act", width: 136 },
  { key: "risk", label: "Risk", width: 214 },
  { key: "change", label: "Old → new bytes", width: 276 },
  { key: "problem", label: "Why", width: 240, grow: 1 },
];
const waiting: Readonly<Record<Key, string>> = {
  chosen: "",
  where: "…",
  action: "",
  change: "",
  risk: "",
  problem: "",
};

interface ItemTableProps {
  readonly session: RepairSession;
  readonly state: RepairState;
  readonly items: number;
  /** Enter: to the bytes of the row. */
  onOpen(): void;
}

export function ItemTable({ session, state, items, onOpen }: ItemTableProps) {
  const toggle = (row: number) => {
    const item = session.pages.at(row);
    if (item) session.toggle(item.id);
  };
  return (
    <div className={styles.table}>
      <VirtualGrid
        label="Changes that can be made"
        columns={columns}
        rowCount={items}
        active={Math.min(state.row, items - 1)}
        onMove={(row) => session.select(row)}
        onOpen={onOpen}
        onToggle={toggle}
        cells={(row) => {
          const item = session.pages.at(row);
          if (!item) return waiting;
          return {
            chosen: (
              <input
                type="checkbox"
                className={styles.check}
                tabIndex={-1}
                aria-label={`${actionNames[item.action]} at ${whereText(item)}`}
                checked={session.isChosen(item.id)}
                onChange={() => session.toggle(item.id)}
              />
            ),
            where: (
              <span className="mono" title={`${whereText(item)} = ${decimal(item.file.offset)}`}>
                {whereText(item)}
              </span>
            ),
            action: actionNames[item.action],
            change: <ChangeCell item={item} changes={session.changeOf(item)} />,
            risk: <Risk risk={item.risk} />,
            problem: <span title={`${item.problem}\n${item.effect}`}>{item.problem}</span>,
          };
        }}
      />
    </div>
  );
}

function ChangeCell({
  item,
  changes,
}: {
  item: OfferedRepair;
  changes: readonly ShownChange[] | "failed" | undefined;
}) {
  if (item.action === "trim") return `${bytes(item.file.length)} cut off`;
  if (changes === undefined) return <span className={styles.muted}>…</span>;
  if (changes === "failed") return <span className={styles.muted}>not known</span>;
  const write = changes.find(({ kind }) => kind === "write") ?? changes[0];
  if (!write) return "";
  const [before, after] = [shortBytes(write.before), shortBytes(write.after)];
  return (
    <span className={`${styles.inline} mono`} title={`${before} → ${after}`}>
      {before} <b>→</b> {after}
    </span>
  );
}

const riskIcons = {
  safe: OkIcon,
  "cannot-be-undone-elsewhere": WarningIcon,
  "may-lose-data": ErrorIcon,
} as const;

export function Risk({ risk }: { risk: RepairRisk }) {
  const Icon = riskIcons[risk];
  return (
    <span className={styles.risk} data-risk={risk} title={riskMeanings[risk]}>
      <Icon size={13} className={styles.icon} aria-hidden /> {riskWords[risk]}
    </span>
  );
}
