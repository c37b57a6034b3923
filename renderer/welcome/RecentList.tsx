// Recent images and pairs: one click opens them again; what is gone is greyed and can be taken off the list.
import type { RecentItem } from "../../electron/ipc/contract.ts";
import { useApp } from "../store/app.ts";
import { CloseIcon, ComparePairIcon, HexIcon } from "../widgets/icons.ts";
import { LongName } from "../widgets/LongName.tsx";
import styles from "./RecentList.module.css";
import { openRecent, recentFolders, recentTitle } from "./recent.ts";

export function RecentList({ compact = false }: { compact?: boolean }) {
  const recent = useApp((state) => state.recent);
  return (
    <ul className={compact ? `${styles.list} ${styles.compact}` : styles.list}>
      {recent.map((item) => (
        <RecentRow key={item.files.map((file) => file.token).join()} item={item} />
      ))}
    </ul>
  );
}

function RecentRow({ item }: { item: RecentItem }) {
  const forget = useApp((state) => state.forget);
  const Icon = item.files.length === 2 ? ComparePairIcon : HexIcon;
  const title = recentTitle(item);
  return (
    <li className={styles.row}>
      <button
        type="button"
        className={styles.item}
        disabled={item.missing}
        title={`${title}\n${recentFolders(item)}`}
        onClick={() => openRecent(item)}
      >
        <Icon size={15} strokeWidth={1.6} aria-hidden />
        <LongName text={title} className={styles.title} />
        <span className={styles.folder}>{item.missing ? "missing" : recentFolders(item)}</span>
      </button>
      <button
        type="button"
        className={`button quiet icon ${styles.remove}`}
        aria-label={`Take ${title} off the list`}
        title="Take off the list"
        onClick={() => void forget(item)}
      >
        <CloseIcon size={13} aria-hidden />
      </button>
    </li>
  );
}
