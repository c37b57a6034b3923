// What is known of the cluster at the cursor: its kind, places, references in and out as links, and its first bytes.
import { useStore } from "zustand";
import type { Reference } from "../../../core/block/structure.ts";
import type { MapGuestPlace, MapPlace } from "../../../core/ops/mapRun.ts";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";
import { useAnswer } from "../../hex/useAnswer.ts";
import { kindLooks, unscannedLook } from "../../map/kinds.ts";
import { comparisonOf, showInComparison, showNode } from "../../shell/openFlows.ts";
import { useView } from "../../store/view.ts";
import card from "../../widgets/card.module.css";
import { bytes, count, decimal, hex } from "../../widgets/format.ts";
import { useLogs } from "../timeline/session.ts";
import { whoWroteAt } from "../timeline/whoWrote.ts";
import { hexRows } from "./hexRows.ts";
import styles from "./map.module.css";
import { problemText } from "./problems.ts";
import { listedReferences, type MapSession } from "./session.ts";

interface ClusterCardProps {
  readonly session: MapSession;
  readonly image: OpenedImage;
  readonly token: string;
}

export function ClusterCard({ session, image, token }: ClusterCardProps) {
  const { place } = useStore(session.store);
  if (place.kind === "none") {
    return (
      <section className={styles.card} aria-label="Cluster">
        <p className={styles.hint}>Choose a cell to see what it is and who refers to it.</p>
      </section>
    );
  }
  if (place.kind === "failed") {
    return (
      <section className={styles.card} aria-label="Cluster">
        <p role="status" className="selectable">
          <b>Can't tell what this cluster is:</b> {place.error.message}
        </p>
        <button type="button" className="button" onClick={() => session.retryPlace()}>
          Retry
        </button>
      </section>
    );
  }
  if (place.kind === "guest") {
    const file = image.nodes.find(({ path }) => path === session.fileNode);
    return <GuestOnly guest={place.guest} onGo={(offset) => file && showNode(token, file, offset)} />;
  }
  return (
    <section className={styles.card} aria-label="Cluster" aria-busy={place.kind === "loading"}>
      {place.kind === "loading" ? (
        <h2>{clusterName(place.cell.cluster)}</h2>
      ) : (
        <Known
          session={session}
          image={image}
          token={token}
          place={place.place}
          cells={place.cell.clusters}
        />
      )}
    </section>
  );
}

const clusterName = (cluster: number) => `Cluster ${decimal(cluster)} (${hex(cluster)})`;

interface KnownProps extends ClusterCardProps {
  readonly place: MapPlace;
  /** Clusters of the cell at the cursor, of which this is the worst. */
  readonly cells: number;
}

function Known({ session, image, token, place, cells }: KnownProps) {
  const { cluster, clusterOffset, clusterLength, kind, stored, structure, references } = place;
  const go = (node: string, offset: number) => {
    const found = image.nodes.find(({ path }) => path === node);
    if (found) showNode(token, found, offset);
  };
  const guestNode = session.fileNode === "file" ? "" : session.fileNode.replace(/\/file$/, "");
  const { shown } = session.store.getState();
  const hasTables = shown?.summary.hasTables === true;
  const isPartial = shown?.isComplete === false;
  const look = isPartial && kind === "unknown" ? unscannedLook : kindLooks[kind];
  const isCompared = useView(() => comparisonOf(token) !== undefined);
  const hasLog = useLogs((state) => state.logs.length > 0);
  const guest = references.list.find((reference) => reference.guest !== undefined)?.guest;
  const writtenAt = [
    { offset: clusterOffset, label: `file ${hex(clusterOffset)}` },
    ...(guest ? [{ offset: guest.offset, label: `guest ${hex(guest.offset)}` }] : []),
  ];
  return (
    <>
      <h2>{clusterName(cluster)}</h2>
      {cells > 1 && <p className={styles.hint}>The worst of the {decimal(cells)} clusters of this cell.</p>}
      <dl className={`${card.facts} ${styles.facts}`}>
        <Fact name="Kind">
          <b>{look.label}</b>
        </Fact>
        {structure && structure.name !== look.label.toLowerCase() && (
          <Fact name="Part of">{structure.name}</Fact>
        )}
        <Fact name="File">
          <span className="mono">{hex(clusterOffset)}</span> + {bytes(clusterLength)}
        </Fact>
        {guest && (
          <Fact name="Guest">
            <span className="mono">{hex(guest.offset)}</span> + {bytes(guest.length)}
          </Fact>
        )}
        {stored !== undefined && (
          <Fact name="Refcount">
            {decimal(stored)} stored{!isPartial && countVerdict(place)}
          </Fact>
        )}
      </dl>
      <div className={styles.actions}>
        <button
          type="button"
          className="button"
          onClick={() => go(session.fileNode, session.openOffset(clusterOffset, clusterLength))}
        >
          Open in hex
        </button>
        {guest && (
          <button type="button" className="button" onClick={() => go(guestNode, guest.offset)}>
            Show guest bytes
          </button>
        )}
        {guest && guestNode === "" && isCompared && (
          <button type="button" className="button" onClick={() => showInComparison(token, guest.offset)}>
            Show in comparison
          </button>
        )}
        {hasLog && (
          <button type="button" className="button" onClick={() => whoWroteAt(image, writtenAt)}>
            Who wrote this?
          </button>
        )}
      </div>
      <Problems session={session} place={place} />
      {hasTables && isPartial && (
        <>
          <h3>Referenced by</h3>
          <p className={styles.hint}>What refers to this cluster is listed when the scan is over.</p>
        </>
      )}
      {hasTables && !isPartial && (
        <References place={place} onGo={(offset) => go(session.fileNode, offset)} />
      )}
      {hasTables && (
        <PointsTo
          place={place}
          fileSize={shown?.summary.fileSize ?? 0}
          onGo={(offset) => go(session.fileNode, offset)}
        />
      )}
      <Preview image={image} node={session.fileNode} place={place} />
    </>
  );
}

/** Problems that are told in full. */
const listedProblems = 6;

/** In full sentences, which the list below the map may cut off. */
function Problems({ session, place }: { session: MapSession; place: MapPlace }) {
  const found = session.problems.ofCluster(place.clusterOffset, place.clusterLength);
  if (found.length === 0) return null;
  const more = found.length - listedProblems;
  return (
    <>
      <h3>What is wrong</h3>
      <ul className={`${styles.wrong} selectable`}>
        {found.slice(0, listedProblems).map((finding) => (
          <li key={finding.id}>{problemText(finding)}</li>
        ))}
      </ul>
      {more > 0 && <p className={styles.hint}>{count(more, "more problem")} in the list below.</p>}
    </>
  );
}

/** By the kind where that is about the count: nobody refers to the header, which counts all the same. */
function countVerdict({ kind, stored = 0, counted }: MapPlace): string {
  if (kind === "refcount-high") return ", too high";
  return kind === "refcount-low" || stored < counted ? ", too low" : "";
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="number selectable">{children}</dd>
    </div>
  );
}

/** Counts stop at 255. */
const mostCounted = 255;

function References({ place, onGo }: { place: MapPlace; onGo(offset: number): void }) {
  const { counted, references } = place;
  const shown = counted >= mostCounted ? `${mostCounted} or more` : decimal(counted);
  const more = references.total - references.list.length;
  return (
    <>
      <h3>
        Referenced by <span className={styles.hint}>{shown}</span>
      </h3>
      {references.list.length === 0 && <p className={styles.hint}>Nothing refers to this cluster.</p>}
      <ul className={styles.references} data-references>
        {references.list.map((reference) => (
          <li key={`${reference.by}@${reference.offset}`}>
            <button
              type="button"
              className={card.link}
              title={`Show these ${count(reference.length, "byte")} of the file`}
              onClick={() => onGo(reference.offset)}
            >
              {reference.by.replaceAll("->", "→")}
            </button>
            <span className={`${styles.hint} mono`}> {hex(reference.offset)}</span>
            <GuestOf reference={reference} />
          </li>
        ))}
      </ul>
      {more > 0 && (
        <p className={styles.hint}>
          The first {decimal(listedReferences)} are listed; {count(more, "more reference")} were counted.
        </p>
      )}
    </>
  );
}

function GuestOf({ reference: { guest } }: { reference: Reference }) {
  if (guest === undefined) return null;
  return (
    <>
      {" "}
      <span className={`${styles.hint} ${styles.whole}`}>guest {hex(guest.offset)}</span>
    </>
  );
}

interface PointsToProps {
  readonly place: MapPlace;
  readonly fileSize: number;
  onGo(offset: number): void;
}

function PointsTo({ place, fileSize, onGo }: PointsToProps) {
  const { list, total } = place.pointers;
  if (total === 0) return null;
  const more = total - list.length;
  return (
    <>
      <h3>
        Refers to <span className={styles.hint}>{decimal(total)}, ringed in the map</span>
      </h3>
      <ul className={styles.references}>
        {list.map(({ name, offset, meaning, target }) => {
          const isThere = target !== undefined && target.offset < fileSize;
          const isPast = target !== undefined && !isThere;
          return (
            <li key={offset}>
              <button
                type="button"
                className={card.link}
                title={isThere ? "Show what it points to" : "Show this entry"}
                onClick={() => onGo(isThere ? target.offset : offset)}
              >
                {name}
              </button>
              <span className={styles.hint}>
                {" "}
                {meaning.replaceAll("->", "→")}
                {isPast && ", past the end of the file"}
              </span>
            </li>
          );
        })}
      </ul>
      {more > 0 && <p className={styles.hint}>{count(more, "more entry", "more entries")}.</p>}
    </>
  );
}

/** A part of the guest's disk that has no place in the file, and the entry that says so. */
function GuestOnly({ guest, onGo }: { guest: MapGuestPlace; onGo(offset: number): void }) {
  const { offset, kind, entry } = guest;
  return (
    <section className={styles.card} aria-label="Cluster">
      <h2>
        Guest <span className="mono">{hex(offset)}</span> ({decimal(offset)})
      </h2>
      <dl className={`${card.facts} ${styles.facts}`}>
        <Fact name="Kind">
          <b>{kind === "hole" ? "Not stored in this file" : kindLooks[kind].label}</b>
        </Fact>
        {entry.guest && (
          <Fact name="Guest">
            <span className="mono">{hex(entry.guest.offset)}</span> + {bytes(entry.guest.length)}
          </Fact>
        )}
      </dl>
      <h3>As the tables say</h3>
      <ul className={styles.references} data-references>
        <li>
          <button
            type="button"
            className={card.link}
            title="Show this entry"
            onClick={() => onGo(entry.offset)}
          >
            {entry.by.replaceAll("->", "→")}
          </button>
          <span className={`${styles.hint} mono`}> {hex(entry.offset)}</span>
        </li>
      </ul>
    </section>
  );
}

const previewBytes = 128;

function Preview({ image, node, place }: { image: OpenedImage; node: string; place: MapPlace }) {
  const { clusterOffset, clusterLength } = place;
  const length = Math.min(previewBytes, clusterLength);
  const { is, before } = useAnswer(`${image.image}:${node}:${clusterOffset}`, () =>
    call("image:read", { image: image.image, node, offset: clusterOffset, length }),
  );
  const page = is.kind === "known" ? is.answer : before;
  return (
    <>
      <h3>First bytes</h3>
      {is.kind === "failed" ? (
        <p className="selectable">Can't read them: {is.error.message}</p>
      ) : (
        <pre className={`${styles.bytes} mono selectable`} aria-busy={is.kind === "loading"}>
          {page === undefined ? " " : hexRows(page)}
        </pre>
      )}
    </>
  );
}
