// The page of the map bench: a canvas with a million clusters to paint, and what a person does to it, timed from inside.
// Bundled by map.mjs; nothing of the app is around it, so that the numbers are the map's own.
import { kindNumber } from "../../core/block/structure.ts";
import type { MapSource } from "../../renderer/map/contract.ts";
import { MapPainter } from "../../renderer/map/painter.ts";
import { createMapView } from "../../renderer/map/view.ts";

const clusters = 2 ** 20;
const clusterSize = 65_536;
/** As many pixels as clusters and then some: one pixel a cluster shows all of them. */
const width = 1446;
const height = 1048;

export interface Times {
  /** Milliseconds, ascending: of the call that makes and puts the pixels. */
  readonly paint: readonly number[];
  /** From the input to the end of the frame that shows it. */
  readonly shown: readonly number[];
}

/** Neighbours of one kind in short runs, with tables among them and problems here and there. */
function levelsOfDetail(): readonly Uint8Array[] {
  const often = (["data", "free", "zero", "compressed", "snapshot", "l2-table"] as const).map(kindNumber);
  const kinds = new Uint8Array(clusters);
  let state = 1;
  for (let at = 0; at < clusters; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    const end = Math.min(clusters, at + 1 + (state >>> 26));
    kinds.fill(often[state % often.length] ?? 0, at, end);
    if (state % 1000 === 0) kinds[at] = kindNumber("overlap");
    at = end;
  }
  const levels = [kinds];
  for (let below = kinds; below.length > 1; ) {
    const above = new Uint8Array(Math.ceil(below.length / 4));
    for (const [at, kind] of below.entries()) {
      const cell = Math.floor(at / 4);
      above[cell] = Math.max(above[cell] ?? 0, kind);
    }
    levels.push(above);
    below = above;
  }
  return levels;
}

const levels = levelsOfDetail();
const source: MapSource = {
  clusters,
  clusterSize,
  fileSize: clusters * clusterSize,
  levels: levels.length,
  tile: async (level, first, count) => levels[level]?.slice(first, first + count) ?? new Uint8Array(0),
};
const [canvas, strip] = document.querySelectorAll("canvas");
if (!canvas || !strip) throw new Error("the page has no canvas");
const view = createMapView(source);
const painter = new MapPainter(canvas, strip);
painter.setInput({ source, view, space: "file", addressBase: "hex" });
painter.resize(width, height, 1);

const pause = (time: number) => new Promise((resolve) => setTimeout(resolve, time));
const frameEnd = () =>
  new Promise<void>((resolve) =>
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => resolve();
      port2.postMessage(undefined);
    }),
  );

/** Does it `times` times, and paints at once as well as in a frame of its own. */
async function timesOf(act: (round: number) => void, times: number): Promise<Times> {
  const paint: number[] = [];
  const shown: number[] = [];
  for (let round = 0; round < times; round++) {
    await pause(25);
    const start = performance.now();
    act(round);
    await frameEnd();
    shown.push(performance.now() - start);
    act(round + 1);
    const before = performance.now();
    painter.resize(width, height, 1);
    paint.push(performance.now() - before);
  }
  const ascending = (numbers: number[]) => numbers.sort((a, b) => a - b);
  return { paint: ascending(paint), shown: ascending(shown) };
}

const centre = { x: width / 2, y: height / 2 };
const scenes = {
  /** Every cell gets another colour. */
  repaint: () => {
    view.zoomToFit();
    return () => view.toggle(["data"]);
  },
  zoom: () => {
    view.zoomToFit();
    return (round: number) => view.zoomBy(round % 2 === 0 ? 1 : -1, centre);
  },
  pan: () => {
    view.zoomToFit();
    view.zoomBy(1, centre);
    return (round: number) => view.scrollTo(100 + (round % 7) * 3);
  },
  panLetters: () => {
    view.zoomToFit();
    while (view.getState().layout?.side !== 16) view.zoomBy(1, centre);
    return (round: number) => view.scrollTo(100.25 + (round % 7));
  },
} as const;

async function measure(scene: keyof typeof scenes, times: number): Promise<Times> {
  const act = scenes[scene]();
  await pause(300);
  return timesOf(act, times);
}

/** How many clusters the whole map shows. */
function visible(): number {
  view.zoomToFit();
  const { layout } = view.getState();
  return layout === undefined ? 0 : layout.cells * layout.clustersPerCell;
}

Object.assign(globalThis, {
  mapBench: { measure, cells: () => view.getState().layout?.cells ?? 0, visible },
});
