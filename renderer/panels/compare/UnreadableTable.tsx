// The ranges that could not be read, with the side and the reason. They are not compared.
import { useState } from "react";
import { bytes, decimal, hex } from "../../widgets/format.ts";
import type { UnreadableList } from "./unreadableList.ts";
import { type GridColumn, VirtualGrid } from "./VirtualGrid.tsx";
import { sectorRange } from "./wording.ts";

type Key = "number" | "offset" | "sectors" | "length" | "side" | "message";
const columns: readonly GridColumn<Key>[] = [
  { key: "number", label: "#", width: 68, numeric: true },
  { key: "offset", label: "Guest offset", width: 122 },
  { key: "sectors", label: "Sectors", width: 150, grow: 1 },
  { key: "length", label: "Length", width: 80, numeric: true },
  { key: "side", label: "Image", width: 80 },
  { key: "message", label: "Reason", width: 260, grow: 2 },
];
const sides = { a: "A", b: "B", both: "A and B" } as const;

interface UnreadableTableProps {
  readonly list: UnreadableList;
  /** Changes with the list. */
  readonly version: number;
  onRange(offset: number, open: boolean): void;
}

export function UnreadableTable({ list, onRange }: UnreadableTableProps) {
  const [active, setActive] = useState(-1);
  const go = (index: number, open: boolean) => {
    setActive(index);
    const range = list.get(index);
    if (range) onRange(range.offset, open);
  };
  return (
    <VirtualGrid
      label="Unreadable ranges"
      columns={columns}
      rowCount={list.count}
      active={active < list.count ? active : -1}
      onMove={(index) => go(index, false)}
      onOpen={(index) => go(index, true)}
      cells={(index) => {
        const range = list.get(index) ?? { offset: 0, length: 0, side: "a", message: "" };
        return {
          number: decimal(index + 1),
          offset: (
            <span className="mono" title={`${hex(range.offset)} = ${decimal(range.offset)}`}>
              {hex(range.offset)}
            </span>
          ),
          sectors: sectorRange(range),
          length: bytes(range.length),
          side: sides[range.side],
          message: <span title={range.message}>{range.message}</span>,
        };
      }}
    />
  );
}
