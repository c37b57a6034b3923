// The bytes that have the caret: inspector, status bar, go-to and copy follow it, whichever panel set it.
import { create } from "zustand";
import type { OpenedImage } from "../../electron/ipc/contract.ts";
import type { ByteSource, HexView, RowMap } from "../hex/model.ts";

export interface Surface {
  readonly source: ByteSource;
  readonly image: OpenedImage;
  readonly rows: RowMap;
  readonly view: HexView;
  readonly space: "guest" | "file";
  /** Path of the node whose bytes these are, where it is neither the guest disk nor its container file. */
  readonly node?: string;
  /** "A", "B" in a comparison. */
  readonly side: "a" | "b" | undefined;
  /** Offset in `source` = caret + shift. */
  readonly shift: number;
  readonly clusterSize: number | undefined;
  /** Largest offset that can be gone to plus one. */
  readonly extent: number;
  /** In a comparison, the bytes of the other side: offset in them = caret + that shift. */
  readonly other?: { readonly source: ByteSource; readonly shift: number };
}

interface SurfaceStore {
  readonly surface: Surface | undefined;
  set(surface: Surface | undefined): void;
}
export const useSurface = create<SurfaceStore>()((set) => ({
  surface: undefined,
  set: (surface) => set({ surface }),
}));
