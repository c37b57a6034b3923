// Open images by file token: opening, open or failed; what their files do on disk meanwhile.
import { create } from "zustand";
import { type PlainError, toPlain } from "../../core/base/errors.ts";
import type { FileRef, FileState, OpenedImage } from "../../electron/ipc/contract.ts";
import { call, on } from "../api.ts";

export interface OpenState {
  readonly kind: "open";
  readonly file: FileRef;
  readonly image: OpenedImage;
  readonly disk: FileState;
  /** Grows with every reload, so that no cached byte outlives it. */
  readonly generation: number;
}

export type ImageState =
  /** `before`: as it was, while it is opened again. */
  | { readonly kind: "opening"; readonly file: FileRef; readonly before: OpenState | undefined }
  | OpenState
  | { readonly kind: "failed"; readonly file: FileRef; readonly error: PlainError };

/** How to open an image; kept for as long as it is open, so that a reload shows it the same way. */
export interface OpenHow {
  /** Instead of probing. */
  readonly format?: "raw" | "qed" | "qcow2";
  /** The person allows backing files outside the image's folder. */
  readonly trustBacking?: boolean;
}

interface ImagesStore {
  readonly byToken: Readonly<Record<string, ImageState>>;
  /** Opens the file unless it is open already. Never throws: failure is a state. */
  open(file: FileRef, how?: OpenHow): Promise<void>;
  close(token: string): Promise<void>;
  /** Closes and opens again: the bytes may have changed. */
  reload(token: string): Promise<void>;
  /** Keeps the old view: the present state on disk becomes the baseline. */
  keep(token: string): Promise<void>;
}

const hows = new Map<string, OpenHow>();

function beforeOf(known: ImageState): OpenState | undefined {
  if (known.kind === "opening") return known.before;
  return known.kind === "open" ? known : undefined;
}

/** The format that the image of that token was opened with, where the person chose it. */
export const chosenFormat = (token: string): OpenHow["format"] => hows.get(token)?.format;

/** Whether the person allowed the backing files of the image of that token. */
export const trustsBacking = (token: string): boolean => hows.get(token)?.trustBacking === true;

export const useImages = create<ImagesStore>()((set, get) => {
  const put = (token: string, state: ImageState) => set({ byToken: { ...get().byToken, [token]: state } });

  /** Marks this opening as the one in force; an earlier one of the same file then closes what it gets. */
  const openNow = async (file: FileRef, before?: OpenState) => {
    const generation = before === undefined ? 0 : before.generation + 1;
    const opening: ImageState = { kind: "opening", file, before };
    put(file.token, opening);
    const inForce = () => get().byToken[file.token] === opening;
    try {
      const image = await call("image:open", { token: file.token, ...hows.get(file.token) });
      if (inForce()) put(file.token, { kind: "open", file, image, disk: { kind: "same" }, generation });
      else await call("image:close", { image: image.image });
    } catch (error) {
      if (inForce()) put(file.token, { kind: "failed", file, error: toPlain(error) });
    }
  };

  return {
    byToken: {},
    async open(file, how = {}) {
      const known = get().byToken[file.token];
      if (known && known.kind !== "failed") return;
      hows.set(file.token, how);
      await openNow(file);
    },
    async close(token) {
      const known = get().byToken[token];
      const { [token]: _gone, ...rest } = get().byToken;
      set({ byToken: rest });
      if (known?.kind === "open")
        await call("image:close", { image: known.image.image }).catch(() => undefined);
    },
    async reload(token) {
      const known = get().byToken[token];
      if (!known) return;
      const reopened = openNow(known.file, beforeOf(known));
      if (known.kind === "open")
        await call("image:close", { image: known.image.image }).catch(() => undefined);
      await reopened;
    },
    async keep(token) {
      const known = get().byToken[token];
      if (known?.kind !== "open") return;
      await call("image:state", { image: known.image.image, accept: true });
      const now = get().byToken[token];
      if (now?.kind !== "open" || now.image.image !== known.image.image) return;
      put(token, { ...now, disk: { kind: "same" } });
    },
  };
});

/** The image of that token, after it was opened where that is under way; undefined where it is not open. */
export function whenOpened(token: string): Promise<OpenedImage | undefined> {
  return new Promise((resolve) => {
    const look = () => {
      const known = useImages.getState().byToken[token];
      if (known?.kind === "opening") return;
      stop();
      resolve(known?.kind === "open" ? known.image : undefined);
    };
    const stop = useImages.subscribe(look);
    look();
  });
}

/** Wires main's events into the store; called once at start. */
export function listenForImages(): void {
  on("image:changed", ({ image, state }) => {
    const { byToken } = useImages.getState();
    for (const [token, known] of Object.entries(byToken)) {
      if (known.kind === "open" && known.image.image === image) {
        useImages.setState({
          byToken: { ...useImages.getState().byToken, [token]: { ...known, disk: state } },
        });
      }
    }
  });
  on("session:lost", () => {
    for (const token of Object.keys(useImages.getState().byToken)) void useImages.getState().reload(token);
  });
}
