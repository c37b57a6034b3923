// The panel below the hex panes: the mismatches and the ranges that could not be read, each as a list.
import { type ReactNode, type Ref, useId, useMemo } from "react";
import { useStore } from "zustand";
import { CommandButton } from "../../widgets/CommandButton.tsx";
import { bytes, count, decimal } from "../../widgets/format.ts";
import { ExportIcon, OkIcon } from "../../widgets/icons.ts";
import { CloseListButton, ListTabs } from "../../widgets/ListTabs.tsx";
import { FilterField } from "./FilterField.tsx";
import { type ClusterSizes, filterProblem, parseFilter } from "./filter.ts";
import styles from "./lists.module.css";
import { MismatchList } from "./MismatchList.tsx";
import { isScanned, type Scan } from "./scan.ts";
import type { CompareSession } from "./session.ts";
import { UnreadableTable } from "./UnreadableTable.tsx";
import { useRowOrder } from "./useRowOrder.ts";
import { headerText, mergedNote } from "./wording.ts";

interface BottomPanelProps {
  readonly session: CompareSession;
  readonly scan: Scan;
  readonly version: number;
  readonly stale: boolean;
  readonly current: number | undefined;
  readonly clusters: ClusterSizes;
  readonly handle: Ref<HTMLElement>;
  /** What logs of writes know of the mismatch at the caret. */
  readonly writers: ReactNode;
  /** Shows an offset in the panes; `open` also moves the focus there. */
  onOffset(offset: number, open: boolean): void;
}

export function BottomPanel(props: BottomPanelProps) {
  const { session, scan, version, stale, current, clusters, handle, writers, onOffset } = props;
  const { table } = session;
  const id = useId();
  const { tab, order, filter: text } = useStore(session.store, (state) => state.list);
  const parsed = useMemo(() => parseFilter(text), [text]);
  const question = useMemo(
    () => ({ order, terms: parsed.ok ? parsed.terms : [], clusters }),
    [order, parsed, clusters],
  );
  const shown = useRowOrder(table, version, question);
  const matching = shown.rows?.length ?? table.count;
  const wrong = parsed.ok ? filterProblem(parsed.terms, clusters) : parsed.message;
  const filtering = tab === "mismatches" && table.count > 0 && text.trim() !== "";
  const left = shown.busy ? "Filtering…" : `${decimal(matching)} of ${count(table.count, "row")} match`;
  const filterState = wrong ?? left;
  return (
    <section className={styles.panel} aria-label="Results">
      <div className={styles.bar}>
        <ListTabs
          id={id}
          tab={tab}
          tabs={[
            { name: "mismatches", label: "Mismatches", count: table.count },
            { name: "unreadable", label: "Unreadable", count: scan.totals.unreadableRanges },
          ]}
          onTab={(chosen) => session.setList({ tab: chosen })}
        />
        <p
          id={`${id}-state`}
          className={`${styles.summary} selectable`}
          data-wrong={wrong !== undefined || undefined}
        >
          {stale && <span className={styles.stale}>From before a change on disk: </span>}
          {filtering ? filterState : headerOf(scan, table.count, current)}
        </p>
        {tab === "mismatches" && table.count > 0 && (
          <FilterField
            text={text}
            wrong={wrong !== undefined}
            stateId={`${id}-state`}
            onText={(filter) => session.setList({ filter })}
          />
        )}
        <span>
          <CommandButton command="file.export" icon={ExportIcon} label="Export mismatches" />
          <CloseListButton />
        </span>
      </div>
      {tab === "mismatches" && scan.kind === "ended" && scan.mergedAfter !== undefined && (
        <p className={styles.note}>{mergedNote(scan.mergedAfter)}</p>
      )}
      {writers}
      <div className={styles.content} role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${tab}`}>
        {tab === "unreadable" ? (
          <Unreadables session={session} scan={scan} version={version} onOffset={onOffset} />
        ) : table.count === 0 ? (
          <Empty scan={scan} />
        ) : matching === 0 && !shown.busy ? (
          <div className={styles.empty}>No mismatch fits the filter. {decimal(table.count)} are hidden.</div>
        ) : (
          <MismatchList
            table={table}
            version={version}
            order={order}
            shown={shown}
            clusters={clusters}
            current={current}
            handle={handle}
            onOrder={(chosen) => session.setList({ order: chosen })}
            onRun={onOffset}
          />
        )}
      </div>
    </section>
  );
}

function headerOf(scan: Scan, rows: number, current: number | undefined): string {
  const { totals, total, scannedTo } = scan;
  const { runs, sectors } = totals;
  return headerText({ current, rows, runs, sectors, total, scannedTo, complete: isScanned(scan) });
}

/** The list without rows: how far the scan is, and nothing it does not know. */
function Empty({ scan }: { scan: Scan }) {
  switch (scan.kind) {
    case "waiting":
      return <div className={styles.empty} />;
    case "scanning":
      return <div className={styles.empty}>No mismatches found yet.</div>;
    case "failed":
      return <div className={styles.empty}>The scan stopped before it found a mismatch.</div>;
    case "ended":
      return <EmptyEnd scan={scan} />;
  }
}

function EmptyEnd({ scan }: { scan: Extract<Scan, { kind: "ended" }> }) {
  const { totals, total, scannedTo, cancelled } = scan;
  if (cancelled) {
    return (
      <div className={styles.empty}>
        No mismatches in the first {bytes(scannedTo)}. The scan was cancelled; the rest is not compared.
      </div>
    );
  }
  if (totals.unreadableRanges > 0) {
    return (
      <div className={styles.empty}>
        No mismatches in what could be read. {bytes(totals.unreadableBytes)} could not be read and was not
        compared.
      </div>
    );
  }
  return (
    <div className={styles.empty}>
      <strong>
        <OkIcon size={18} aria-hidden /> No mismatches in {bytes(total)} (all sectors compared)
      </strong>
    </div>
  );
}

interface UnreadablesProps {
  readonly session: CompareSession;
  readonly scan: Scan;
  readonly version: number;
  onOffset(offset: number, open: boolean): void;
}

function Unreadables({ session, scan, version, onOffset }: UnreadablesProps) {
  const { unreadableRanges, unreadableBytes } = scan.totals;
  if (session.unreadable.count === 0) {
    return <div className={styles.empty}>Every sector scanned so far could be read.</div>;
  }
  return (
    <>
      <p className={styles.note}>
        {count(unreadableRanges, "range")}, {bytes(unreadableBytes)}, not compared.
        {unreadableRanges > session.unreadable.count &&
          ` The first ${decimal(session.unreadable.count)} are listed.`}
      </p>
      <UnreadableTable list={session.unreadable} version={version} onRange={onOffset} />
    </>
  );
}
