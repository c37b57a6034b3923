// An open image by itself: toolbar with its facts, what should be known about it, the bytes and the ruler.
import { useEffect, useMemo, useState } from "react";
import { useStore } from "zustand";
import type { NodeSummary } from "../../../core/jobs/sessionContract.ts";
import type { FileRef, OpenedImage } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";
import { type Runners, useCommands } from "../../commands/registry.ts";
import { GraphSplit } from "../../graph/GraphSplit.tsx";
import { useEventSteps } from "../../graph/useEventSteps.ts";
import type { RulerLane } from "../../hex/contract.ts";
import { HexPane } from "../../hex/HexPane.tsx";
import { keepWithin, plainRows } from "../../hex/model.ts";
import { OverviewRuler } from "../../hex/OverviewRuler.tsx";
import { useHexCommands } from "../../hex/useHexCommands.ts";
import { EncryptedNotice } from "../../imageFacts/EncryptedNotice.tsx";
import { SnapshotsNotice } from "../../imageFacts/SnapshotsNotice.tsx";
import { type ImageState, useImages } from "../../store/images.ts";
import { usePrefs } from "../../store/prefs.ts";
import { type Surface, useSurface } from "../../store/surface.ts";
import { type Tab, useView } from "../../store/view.ts";
import { FileBanner } from "../../widgets/FileBanner.tsx";
import shared from "../../widgets/panel.module.css";
import { UnfinishedNotice } from "../repair/UnfinishedNotice.tsx";
import { DirtyNotice, hasDoubt } from "./DirtyNotice.tsx";
import styles from "./hex.module.css";
import { hasFileSpace, noFileSpace } from "./space.ts";
import { Toolbar } from "./Toolbar.tsx";
import { type HexTabViews, type ShownSpace, type Space, viewsOf } from "./views.ts";

interface ImageViewProps {
  readonly tab: Extract<Tab, { kind: "hex" }>;
  readonly state: Extract<ImageState, { kind: "open" }>;
}

export function ImageView({ tab, state }: ImageViewProps) {
  const { image, generation, file } = state;
  const views = viewsOf(tab.id);
  const chosen = useStore(views.space);
  const node = nodeOf(image, chosen);
  const space = chosen.space === "file" && node === undefined ? "guest" : chosen.space;
  const bytesPerRow = usePrefs((prefs) => prefs.bytesPerRow);

  const surface: Surface = useMemo(() => {
    const size = node?.size ?? image.size;
    const path = node?.path ?? "";
    return {
      source: { image: image.image, node: path, size, generation },
      image,
      rows: plainRows(size, bytesPerRow),
      view: views.at(path),
      space: node === undefined || (node.path !== "file" && node.role !== "file") ? "guest" : "file",
      ...(space === "node" && path !== "" && { node: path }),
      side: undefined,
      shift: 0,
      clusterSize: image.info.clusterSize,
      extent: size,
    };
  }, [image, generation, bytesPerRow, space, node, views]);
  useEffect(() => useSurface.getState().set(surface), [surface]);
  useEffect(() => () => useSurface.getState().set(undefined), []);
  useKeepPlace(surface);
  useHexCommands(surface);
  useCommands(useSpaceCommand(image, views, space));
  useCommands(useReloadCommand(file, state.disk.kind === "missing"));
  useEventSteps(surface);
  const lanes = useHistoryLane(surface);

  return (
    <div className={shared.panel}>
      <Toolbar image={image} space={space} node={space === "node" ? node : undefined} />
      <FileBanner token={tab.token} />
      <UnfinishedNotice image={image}>{hasDoubt(image) && <DirtyNotice image={image} />}</UnfinishedNotice>
      <SnapshotsNotice key={`snapshots:${tab.token}`} image={image} />
      {image.info.encrypted && space === "guest" && (
        <EncryptedNotice image={image} onShowFile={() => switchSpace(image, views, space)} />
      )}
      <GraphSplit token={tab.token} image={image} shown={surface.source.node}>
        <div className={styles.bytes} data-pane="hex">
          <HexPane
            label={labelOf(file.name, space, node)}
            source={surface.source}
            rows={surface.rows}
            view={surface.view}
            clusterSize={surface.clusterSize}
            extent={surface.extent}
          />
          <OverviewRuler
            size={surface.extent}
            rows={surface.rows}
            view={surface.view}
            lanes={lanes}
            scannedTo={surface.extent}
          />
        </div>
      </GraphSplit>
    </div>
  );
}

/** The node that shows; undefined for the guest disk. */
function nodeOf(image: OpenedImage, { space, node }: ShownSpace): NodeSummary | undefined {
  if (space === "guest" || (space === "file" && !hasFileSpace(image))) return undefined;
  const path = space === "file" ? "file" : node;
  return path === "" ? undefined : image.nodes.find((one) => one.path === path);
}

function labelOf(name: string, space: Space, node: NodeSummary | undefined): string {
  if (space === "guest" || node === undefined) return name;
  return space === "file" ? `${name}, container file` : `${name}, ${node.path} (${node.driver})`;
}

function useSpaceCommand(image: OpenedImage, views: HexTabViews, space: Space): Runners {
  return useMemo(
    () => ({
      "view.space": {
        run: () => switchSpace(image, views, space),
        disabled: hasFileSpace(image) || space === "node" ? undefined : noFileSpace(image),
      },
    }),
    [image, views, space],
  );
}

/** F5: the file may have changed. Of one that is gone what was read stays. */
function useReloadCommand({ token, name }: FileRef, isMissing: boolean): Runners {
  return useMemo(() => {
    const reload = async () => {
      await useImages.getState().reload(token);
      if (useImages.getState().byToken[token]?.kind === "open")
        useView.getState().say(`${name} was read again`);
    };
    return {
      "compare.rescan": {
        title: "File: Reload the image",
        run: () => void reload(),
        disabled: isMissing ? `${name} is missing; what was read of it is kept` : undefined,
      },
    };
  }, [token, name, isMissing]);
}

/** Shows the other space; the first time and from guest to file, at the byte that was looked at. */
function switchSpace(image: OpenedImage, views: HexTabViews, from: Space): void {
  const to = from === "guest" ? "file" : "guest";
  views.space.setState({ space: to });
  const where = to === "guest" ? "guest disk" : "container file";
  useView.getState().say(`Showing the ${where}`);
  if (to === "file") void followToFile(image, views);
}

async function followToFile(image: OpenedImage, { guest, file }: HexTabViews): Promise<void> {
  const before = file.getState();
  const offset = guest.getState().caret;
  const layers = await call("image:locate", { image: image.image, offset }).catch(() => []);
  const [top] = layers;
  const { caret, topRow } = file.getState();
  // Whoever moved on meanwhile (a jump, a key) is not carried away.
  if (caret !== before.caret || topRow !== before.topRow) return;
  if (top?.state !== "data" || top.hostOffset === undefined) {
    useView.getState().say("This guest byte has no place in the container file");
    return;
  }
  file.jumpTo(top.hostOffset, plainRows(image.fileSize, usePrefs.getState().bytesPerRow));
}

/** Keeps the caret inside an image that got smaller, and the same bytes on screen when rows change width. */
function useKeepPlace({ view, rows, extent }: Surface): void {
  const [before, setBefore] = useState(rows);
  useEffect(() => {
    keepWithin(view, extent);
    if (before.bytesPerRow !== rows.bytesPerRow) {
      const { topRow } = view.getState();
      view.scrollTo(rows.rowOf(before.row(Math.floor(topRow)).offset), rows);
      setBefore(rows);
    }
  }, [view, rows, extent, before]);
}

/** Places gone to, as ticks on the ruler. */
function useHistoryLane({ view }: Surface): readonly RulerLane[] {
  const history = useStore(view, (state) => state.history);
  return useMemo(
    () => [
      {
        id: "history",
        label: "Places gone to",
        tone: "history",
        version: history.length,
        paint(bins, size) {
          const levels = new Uint8Array(bins);
          for (const offset of history) {
            if (size > 0 && offset > 0) levels[Math.min(bins - 1, Math.floor((offset / size) * bins))] = 255;
          }
          return levels;
        },
      },
    ],
    [history],
  );
}
