// The graph as a list of nodes, root first, children indented below their parent: role, driver, name, length, state,
// options, file. Enter or a double click shows a node's bytes.
import { useState } from "react";
import type { NodeSummary } from "../../core/jobs/sessionContract.ts";
import type { OpenedImage } from "../../electron/ipc/contract.ts";
import { type GridColumn, VirtualGrid } from "../panels/compare/VirtualGrid.tsx";
import { showNode } from "../shell/openFlows.ts";
import { bytes, decimal } from "../widgets/format.ts";

type Key = "place" | "driver" | "name" | "length" | "state" | "options" | "file";
const columns: readonly GridColumn<Key>[] = [
  { key: "place", label: "Node", width: 150, grow: 2 },
  { key: "driver", label: "Driver", width: 96 },
  { key: "name", label: "Name", width: 110, grow: 1 },
  { key: "length", label: "Length", width: 84, numeric: true },
  { key: "state", label: "State", width: 130 },
  { key: "options", label: "Options", width: 120, grow: 2 },
  { key: "file", label: "File", width: 120, grow: 2 },
];
/** Pixels by which a child stands in from its parent. */
const indent = 14;

interface NodesListProps {
  readonly token: string;
  readonly image: OpenedImage;
  /** Path of the node that shows. */
  readonly shown: string;
}

export function NodesList({ token, image, shown }: NodesListProps) {
  const { nodes } = image;
  const [active, setActive] = useState(() => nodes.findIndex(({ path }) => path === shown));
  return (
    <VirtualGrid
      label="Nodes"
      columns={columns}
      rowCount={nodes.length}
      active={Math.min(active, nodes.length - 1)}
      onMove={setActive}
      onOpen={(index) => {
        const node = nodes[index];
        if (node) showNode(token, node);
      }}
      cells={(index) => cellsOf(nodes[index], shown)}
    />
  );
}

function cellsOf(node: NodeSummary | undefined, shown: string) {
  if (node === undefined) {
    return { place: "", driver: "", name: "", length: "", state: "", options: "", file: "" };
  }
  const depth = node.path === "" ? 0 : node.path.split("/").length;
  const place = node.path === "" ? "image" : (node.path.split("/").at(-1) ?? "");
  const options = node.options.map(([name, value]) => `${name}=${value}`).join(", ");
  const role = node.role === undefined || place === node.role ? "" : ` (${node.role})`;
  return {
    place: (
      <span style={{ paddingLeft: depth * indent }} title={node.path || "The root of the graph"}>
        {node.path === shown ? <b>{place}</b> : place}
        {role}
      </span>
    ),
    driver: node.driver,
    name: <span title={node.name}>{node.name}</span>,
    length: <span title={`${decimal(node.size)} bytes`}>{bytes(node.size)}</span>,
    state: `${node.readOnly ? "read-only" : "writable"}${node.dirty ? ", dirty" : ""}`,
    options: <span title={options}>{options}</span>,
    file: <span title={node.file}>{node.file ?? ""}</span>,
  };
}
