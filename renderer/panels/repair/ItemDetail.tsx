// The row that is looked at: what is wrong, what mending it does to the guest, and its bytes before and after.
import type { Ref } from "react";
import { detailsText } from "../../widgets/ErrorState.tsx";
import { count } from "../../widgets/format.ts";
import { ByteChanges } from "./ByteChanges.tsx";
import { Risk } from "./ItemTable.tsx";
import styles from "./repair.module.css";
import type { RepairSession } from "./session.ts";
import type { RepairState } from "./state.ts";
import { actionNames, guestRanges, problemWordsOf, riskMeanings, sentence, whereText } from "./wording.ts";

interface ItemDetailProps {
  readonly session: RepairSession;
  readonly state: RepairState;
  readonly handle: Ref<HTMLElement>;
}

export function ItemDetail({ session, state, handle }: ItemDetailProps) {
  const item = session.pages.at(state.row);
  const { offered } = session;
  if (!item || !offered)
    return <section ref={handle} className={styles.detail} aria-label="The chosen change" tabIndex={-1} />;
  const { changes } = state;
  const words = problemWordsOf(item.action, offered);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard has to reach it.
    <section ref={handle} className={styles.detail} aria-label="The change in this row" tabIndex={0}>
      <div className={styles.facts}>
        <h3>
          {actionNames[item.action]} at <span className="mono">{whereText(item)}</span>
        </h3>
        <p className="selectable">
          {sentence(item.problem)} <span className={styles.muted}>({words.term})</span>
        </p>
        <p className="selectable">
          <b>Effect:</b> {item.effect}
        </p>
        <p className="selectable">
          <b>Guest ranges that read differently:</b> {guestRanges(item)}.
        </p>
        <p>
          <b>Risk:</b> <Risk risk={item.risk} />. {riskMeanings[item.risk]}
        </p>
        <p>
          <button type="button" className="button" onClick={() => session.showInHex(item)}>
            Show in hex
          </button>
        </p>
        {item.needs.length > 0 && (
          <p>
            <b>Needs</b> {count(item.needs.length, "other item")}: choosing this one chooses them as well.
          </p>
        )}
      </div>
      <div className={styles.bytes}>
        {changes.kind === "known" && <ByteChanges changes={changes.value} />}
        {changes.kind === "asking" && <p className={styles.muted}>Reading the bytes…</p>}
        {changes.kind === "failed" && (
          <p className={styles.failure} title={detailsText("Bytes of a change", changes.error)}>
            The bytes can't be shown: {sentence(changes.error.message)}
          </p>
        )}
      </div>
    </section>
  );
}
