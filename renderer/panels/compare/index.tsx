// The compare panel of a tab: while an image is opening or has failed, what is known of each side; then the
// comparison.
import { useImages } from "../../store/images.ts";
import type { PanelProps } from "../index.ts";
import { CompareView } from "./CompareView.tsx";
import styles from "./compare.module.css";
import { OpeningSide } from "./OpeningSide.tsx";
import { sessionOf } from "./sessions.ts";

export function ComparePanel({ tab }: PanelProps<"compare">) {
  const a = useImages(({ byToken }) => byToken[tab.a]);
  const b = useImages(({ byToken }) => byToken[tab.b]);
  if (a?.kind === "open" && b?.kind === "open") {
    return <CompareView tab={tab} session={sessionOf(tab.id)} a={a} b={b} />;
  }
  return (
    <div className={styles.opening}>
      <OpeningSide side="a" state={a} />
      <OpeningSide side="b" state={b} />
    </div>
  );
}
