// The panel below the bytes: the nodes of the image's graph, and what they noticed.
import { type ReactNode, useId, useState } from "react";
import type { OpenedImage } from "../../electron/ipc/contract.ts";
import lists from "../panels/compare/lists.module.css";
import { noEvents, useEvents } from "../store/events.ts";
import { count } from "../widgets/format.ts";
import { CloseListButton, ListTabs } from "../widgets/ListTabs.tsx";
import { EventsList } from "./EventsList.tsx";
import { NodesList } from "./NodesList.tsx";

interface GraphPanelProps {
  readonly token: string;
  readonly image: OpenedImage;
  readonly shown: string;
}

export function GraphPanel({ token, image, shown }: GraphPanelProps) {
  const id = useId();
  const [tab, setTab] = useState<"nodes" | "events">("nodes");
  const { events, more } = useEvents(({ byImage }) => byImage[image.image] ?? noEvents);
  const content: Readonly<Record<typeof tab, ReactNode>> = {
    nodes: <NodesList token={token} image={image} shown={shown} />,
    events: <EventsList token={token} image={image} events={events} more={more} />,
  };
  return (
    <section className={lists.panel} aria-label="Nodes and events">
      <div className={lists.bar}>
        <ListTabs
          id={id}
          tab={tab}
          tabs={[
            { name: "nodes", label: "Nodes", count: image.nodes.length },
            { name: "events", label: "Events", count: events.length + more },
          ]}
          onTab={setTab}
        />
        <p className={`${lists.summary} selectable`}>
          {tab === "nodes" ? "Enter shows a node's bytes" : eventsText(events.length + more)}
        </p>
        <CloseListButton />
      </div>
      <div className={lists.content} role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${tab}`}>
        {content[tab]}
      </div>
    </section>
  );
}

function eventsText(known: number): string {
  return known === 0 ? "" : `${count(known, "event")}; Enter goes to the bytes`;
}
