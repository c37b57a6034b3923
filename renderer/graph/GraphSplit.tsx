// The bytes of an image above, its nodes and their events below, resizable and closable with the bottom panel's key.
import { type ReactNode, useMemo } from "react";
import { Group, Panel, Separator } from "react-resizable-panels";
import type { OpenedImage } from "../../electron/ipc/contract.ts";
import { useCommands } from "../commands/registry.ts";
import compare from "../panels/compare/compare.module.css";
import { saveLayout, usePrefs } from "../store/prefs.ts";
import { useView } from "../store/view.ts";
import panel from "../widgets/panel.module.css";
import { GraphPanel } from "./GraphPanel.tsx";

interface GraphSplitProps {
  readonly token: string;
  readonly image: OpenedImage;
  /** Path of the node whose bytes show. */
  readonly shown: string;
  readonly children: ReactNode;
}

export function GraphSplit({ token, image, shown, children }: GraphSplitProps) {
  const open = useView((state) => state.shown.graphPanel);
  useCommands(
    useMemo(
      () => ({
        "view.bottomPanel": { run: () => useView.getState().toggle("graphPanel"), checked: open },
      }),
      [open],
    ),
  );
  const remembered = usePrefs.getState().layouts["hex-rows"];
  return (
    <Group
      orientation="vertical"
      className={compare.main}
      defaultLayout={open ? (remembered ?? { bytes: 66, graph: 34 }) : { bytes: 100 }}
      onLayoutChanged={(layout, { isUserInteraction }) => isUserInteraction && saveLayout("hex-rows", layout)}
    >
      <Panel id="bytes" minSize={120}>
        <div className={panel.column}>{children}</div>
      </Panel>
      {open && <Separator className={compare.down} aria-label="Height of the nodes" />}
      {open && (
        <Panel id="graph" defaultSize={`${remembered?.graph ?? 34}%`} minSize={96}>
          <div className={panel.column} data-pane="list">
            <GraphPanel token={token} image={image} shown={shown} />
          </div>
        </Panel>
      )}
    </Group>
  );
}
