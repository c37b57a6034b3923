// Side columns that resize by mouse and keyboard and keep their width between starts.
import { type ReactNode, useRef } from "react";
import { Group, Panel, type PanelSize, Separator } from "react-resizable-panels";
import { saveLayout, usePrefs } from "../store/prefs.ts";
import styles from "./Columns.module.css";

type Side = "left" | "right";
/** Pixels. */
const widths = {
  left: { usual: 240, least: 160, most: 480 },
  right: { usual: 310, least: 220, most: 560 },
} as const;

interface ColumnsProps {
  readonly left: ReactNode;
  readonly right: ReactNode;
  readonly children: ReactNode;
}

export function Columns({ left, right, children }: ColumnsProps) {
  const seen = useRef<Record<string, number>>({});
  const side = (name: Side, content: ReactNode) => (
    <SidePanel name={name} onResize={(size) => (seen.current[name] = Math.round(size.inPixels))}>
      {content}
    </SidePanel>
  );
  return (
    <main className={styles.columns}>
      <Group
        className={styles.group}
        onLayoutChanged={(_layout, meta) => meta.isUserInteraction && saveLayout("columns", seen.current)}
      >
        {left && side("left", left)}
        {left && <Separator className={styles.separator} aria-label="Width of the sidebar" />}
        <Panel id="main" minSize={360}>
          <div className={styles.main}>{children}</div>
        </Panel>
        {right && <Separator className={styles.separator} aria-label="Width of the inspector" />}
        {right && side("right", right)}
      </Group>
    </main>
  );
}

function SidePanel(props: { name: Side; onResize(size: PanelSize): void; children: ReactNode }) {
  const remembered = usePrefs.getState().layouts.columns?.[props.name];
  const { usual, least, most } = widths[props.name];
  return (
    <Panel
      id={props.name}
      defaultSize={remembered ?? usual}
      minSize={least}
      maxSize={most}
      groupResizeBehavior="preserve-pixel-size"
      className={styles.side}
      onResize={props.onResize}
    >
      {props.children}
    </Panel>
  );
}
