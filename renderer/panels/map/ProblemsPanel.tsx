// The problems of the image below its map: one row for each finding of the check, in the order of the file.
import { type ReactNode, useId, useRef, useState } from "react";
import { useStore } from "zustand";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { NodesList } from "../../graph/NodesList.tsx";
import { useJobs } from "../../store/jobs.ts";
import { count, decimal, percent } from "../../widgets/format.ts";
import { OkIcon } from "../../widgets/icons.ts";
import { CloseListButton, ListTabs } from "../../widgets/ListTabs.tsx";
import lists from "../compare/lists.module.css";
import { type GridColumn, VirtualGrid } from "../compare/VirtualGrid.tsx";
import styles from "./map.module.css";
import { problemCells, problemsText } from "./problems.ts";
import type { MapSession } from "./session.ts";

interface ProblemsPanelProps {
  readonly session: MapSession;
  readonly image: OpenedImage;
  readonly token: string;
  /** In a narrow window the legend is one of the lists. */
  readonly legend: ReactNode;
}

export function ProblemsPanel({ session, image, token, legend }: ProblemsPanelProps) {
  const id = useId();
  const [chosen, setTab] = useState<"problems" | "legend" | "nodes">("problems");
  const tab = chosen === "legend" && !legend ? "problems" : chosen;
  useStore(session.store, ({ version }) => version);
  useJobs(({ byId }) => byId);
  return (
    <section className={lists.panel} aria-label="Results">
      <div className={lists.bar}>
        <ListTabs
          id={id}
          tab={tab}
          tabs={[
            { name: "problems", label: "Problems", count: session.problems.count },
            ...(legend ? [{ name: "legend", label: "Kinds", count: 0 } as const] : []),
            { name: "nodes", label: "Nodes", count: image.nodes.length },
          ]}
          onTab={setTab}
        />
        <p className={`${lists.summary} selectable`}>{tab === "problems" && headerText(session)}</p>
        <CloseListButton />
      </div>
      <div className={lists.content} role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${tab}`}>
        {tab === "nodes" && <NodesList token={token} image={image} shown="" />}
        {tab === "legend" && <div className={styles.side}>{legend}</div>}
        {tab === "problems" && <Problems session={session} />}
      </div>
    </section>
  );
}

const columns: readonly GridColumn<"severity" | "offset" | "message" | "guest" | "repair">[] = [
  { key: "severity", label: "Severity", width: 76 },
  { key: "offset", label: "File offset", width: 110, numeric: true },
  { key: "message", label: "What is wrong", width: 280, grow: 1 },
  { key: "guest", label: "Guest range", width: 160 },
  { key: "repair", label: "Repair", width: 168 },
];

function Problems({ session }: { session: MapSession }) {
  const { problem, shown } = useStore(session.store);
  const grid = useRef<HTMLElement>(null);
  const { problems } = session;
  if (problems.count === 0) return <Nothing session={session} />;
  return (
    <VirtualGrid
      label="Problems"
      columns={columns}
      rowCount={problems.count}
      active={problem ?? -1}
      handle={grid}
      onMove={(row) => session.showProblem(row)}
      onOpen={(row) => {
        session.showProblem(row);
        document.querySelector<HTMLElement>('[data-pane="map"] [tabindex="0"]')?.focus();
      }}
      cells={(row) => {
        const finding = problems.at(row);
        if (finding === undefined) return noCells;
        return problemCells(finding, shown?.summary, problems.settledBy(finding));
      }}
    />
  );
}

const noCells = { severity: "", offset: "", message: "", guest: "", repair: "" };

function Nothing({ session }: { session: MapSession }) {
  const state = session.check?.state;
  const isSure = state?.kind === "done" && state.summary.result !== undefined;
  return (
    <div className={lists.empty}>
      {isSure ? (
        <strong>
          <OkIcon size={18} aria-hidden /> No problems in the tables (all of them were checked)
        </strong>
      ) : (
        headerText(session) || "No problems are known."
      )}
    </div>
  );
}

/** How far the check is, or what it found. */
function headerText(session: MapSession): string {
  const { shown, problem } = session.store.getState();
  if (shown !== undefined && !shown.summary.hasTables) {
    return "This format has no tables: there is nothing to check.";
  }
  const state = session.check?.state;
  switch (state?.kind) {
    case undefined:
      return "";
    case "running":
      return `Checking… ${state.progress ? percent(state.progress.done, state.progress.total) : 0} %`;
    case "failed":
      return `The check stopped: ${state.error.message}`;
    case "cancelled":
      return "The check was cancelled: there may be more problems than are listed.";
    case "done": {
      const { result } = state.summary;
      if (result === undefined) return "This format can't be checked.";
      const { corruptions, leaks, checkErrors, findingsDropped } = result;
      if (session.problems.count === 0) return problemsText(corruptions, leaks, checkErrors);
      const at = problem === undefined ? "" : `${decimal(problem + 1)} of `;
      const dropped = findingsDropped > 0 ? `; ${count(findingsDropped, "more")} not listed` : "";
      return `${at}${decimal(session.problems.count)} listed: ${problemsText(corruptions, leaks, checkErrors)}${dropped}`;
    }
  }
}
