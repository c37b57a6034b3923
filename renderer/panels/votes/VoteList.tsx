// The list of ranges in which the copies differ: where, how much, who is the odd one out, and who says the same.
import type { Ref } from "react";
import { bytes, decimal, hex } from "../../widgets/format.ts";
import { type GridColumn, VirtualGrid } from "../compare/VirtualGrid.tsx";
import { sectorRange } from "../compare/wording.ts";
import type { Copy } from "./copies.ts";
import type { VoteTable } from "./voteTable.ts";
import { groupsText, verdictText } from "./wording.ts";

type Key = "number" | "offset" | "sectors" | "length" | "verdict" | "groups";
const columns: readonly GridColumn<Key>[] = [
  { key: "number", label: "#", width: 68, numeric: true },
  { key: "offset", label: "Guest offset", width: 122 },
  { key: "sectors", label: "Sectors", width: 130, grow: 1 },
  { key: "length", label: "Length", width: 84, numeric: true },
  { key: "verdict", label: "Odd one out", width: 180, grow: 2 },
  { key: "groups", label: "Who says the same", width: 200, grow: 3 },
];

interface VoteListProps {
  readonly table: VoteTable;
  readonly copies: readonly Copy[];
  readonly current: number | undefined;
  readonly handle: Ref<HTMLElement>;
  onRange(offset: number, open: boolean): void;
}

export function VoteList({ table, copies, current, handle, onRange }: VoteListProps) {
  return (
    <VirtualGrid
      label="Ranges in which the copies differ"
      columns={columns}
      rowCount={table.count}
      active={current ?? -1}
      handle={handle}
      onMove={(row) => onRange(table.offset(row), false)}
      onOpen={(row) => onRange(table.offset(row), true)}
      cells={(row) => {
        const run = table.run(row);
        if (run === undefined) {
          return { number: "", offset: "", sectors: "", length: "", verdict: "", groups: "" };
        }
        const [first] = run.unreadable;
        const [verdict, groups] = [verdictText(run, copies), groupsText(run, copies)];
        return {
          number: decimal(row + 1),
          offset: (
            <span className="mono" title={`${hex(run.offset)} = ${decimal(run.offset)}`}>
              {hex(run.offset)}
            </span>
          ),
          sectors: sectorRange(run),
          length: bytes(run.length),
          verdict: (
            <span title={first === undefined ? verdict : `${verdict}: ${first.message}`}>{verdict}</span>
          ),
          groups: <span title={groups}>{groups}</span>,
        };
      }}
    />
  );
}
