// What the nodes of an image noticed while bytes were read, in the order of first sight. Enter or a double click goes
// to the bytes of the node concerned.
import { useState } from "react";
import type { ImageEvent } from "../../core/jobs/imageEvents.ts";
import type { NodeSummary } from "../../core/jobs/sessionContract.ts";
import type { OpenedImage } from "../../electron/ipc/contract.ts";
import lists from "../panels/compare/lists.module.css";
import { type GridColumn, VirtualGrid } from "../panels/compare/VirtualGrid.tsx";
import { showNode } from "../shell/openFlows.ts";
import { bytes, decimal, hex } from "../widgets/format.ts";

type Key = "number" | "kind" | "offset" | "length" | "op" | "node" | "text" | "times";
const columns: readonly GridColumn<Key>[] = [
  { key: "number", label: "#", width: 56, numeric: true },
  { key: "kind", label: "Event", width: 96 },
  { key: "offset", label: "Offset", width: 110 },
  { key: "length", label: "Request", width: 84, numeric: true },
  { key: "op", label: "Operation", width: 84 },
  { key: "node", label: "Node", width: 110, grow: 1 },
  { key: "text", label: "What", width: 220, grow: 4 },
  { key: "times", label: "Times", width: 62, numeric: true },
];
const kinds: Readonly<Record<ImageEvent["kind"], string>> = {
  mismatch: "Mismatch",
  "quorum-report-bad": "Bad copy",
  "quorum-failure": "No quorum",
  finding: "Damaged table",
  "log-error": "Log error",
  injected: "Injected",
  breakpoint: "Breakpoint",
};

interface EventsListProps {
  readonly token: string;
  readonly image: OpenedImage;
  readonly events: readonly ImageEvent[];
  readonly more: number;
}

export function EventsList({ token, image, events, more }: EventsListProps) {
  const [active, setActive] = useState(-1);
  if (events.length === 0) {
    return (
      <div className={lists.empty}>
        No events yet. Mismatches, votes and injected errors are listed as bytes are read.
      </div>
    );
  }
  return (
    <>
      {more > 0 && (
        <p className={lists.note}>
          The first {decimal(events.length)} are listed; {decimal(more)} more were counted.
        </p>
      )}
      <VirtualGrid
        label="Events"
        columns={columns}
        rowCount={events.length}
        active={Math.min(active, events.length - 1)}
        onMove={setActive}
        onOpen={(index) => {
          const event = events[index];
          const node = event && nodeOf(image, event);
          if (node) showNode(token, node, Math.min(event.at, Math.max(0, node.size - 1)));
        }}
        cells={(index) => cellsOf(events[index])}
      />
    </>
  );
}

/** The node the event is about, else the one that tells. */
function nodeOf({ nodes }: OpenedImage, { about, node }: ImageEvent): NodeSummary | undefined {
  return nodes.find(({ path }) => path === about) ?? nodes.find(({ path }) => path === node);
}

function cellsOf(event: ImageEvent | undefined): Readonly<Record<Key, React.ReactNode>> {
  if (event === undefined) {
    return { number: "", kind: "", offset: "", length: "", op: "", node: "", text: "", times: "" };
  }
  return {
    number: decimal(event.id + 1),
    kind: kinds[event.kind],
    offset: (
      <span className="mono" title={`${hex(event.at)} = ${decimal(event.at)}`}>
        {hex(event.at)}
      </span>
    ),
    length: bytes(event.length),
    op: event.op,
    node: event.about === "" ? "image" : event.about,
    text: <span title={event.text}>{event.text}</span>,
    times: decimal(event.times),
  };
}
