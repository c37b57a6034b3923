// Images that can be the disk before a log: each that is open, and of one with a format also its file as it is. A log that
// lies above a format has the guest's disk, one below it the file.
import type { FileRef, OpenedImage } from "../../../electron/ipc/contract.ts";
import { openImages } from "../../shell/openFlows.ts";
import { useImages } from "../../store/images.ts";
import { useSeen } from "../../widgets/useSeen.ts";
import type { TimelineSession } from "./session.ts";

/** `asFile`: the image's file, not what its format makes of it. */
export interface LogBase extends FileRef {
  readonly asFile?: true;
}

export interface BaseChoice {
  readonly id: string;
  readonly label: string;
  readonly base: LogBase;
}

export const baseId = (base: LogBase | undefined): string =>
  base === undefined ? "" : `${base.token}${base.asFile ? " file" : ""}`;

/** The choices of a dialog, also those that come while it is open. */
export function useBaseChoices(session: TimelineSession): readonly BaseChoice[] {
  useImages(({ byToken }) => byToken);
  return useSeen(baseChoices(session), ({ id }) => id);
}

export function baseChoices({ image, store }: TimelineSession): readonly BaseChoice[] {
  const open = choicesOf(image);
  const { base } = store.getState();
  if (base === undefined || open.some(({ id }) => id === baseId(base))) return open;
  // What is chosen stays chosen until another is: as nothing it would be zeroes.
  return [...open, { id: baseId(base), label: `${base.name} (${base.folder}), which is not open now`, base }];
}

function choicesOf(image: OpenedImage | undefined): readonly BaseChoice[] {
  return openImages()
    .filter(({ token, isGraph }) => token !== image?.file.token && !isGraph)
    .flatMap((file): readonly BaseChoice[] => {
      const known = useImages.getState().byToken[file.token];
      const format = known?.kind === "open" ? known.image.format : "raw";
      const choice = (base: LogBase, label: string) => ({ id: baseId(base), label, base });
      const name = `${file.name} (${file.folder})`;
      if (format === "raw") return [choice(file, name)];
      return [
        choice({ ...file, asFile: true }, `${name}: the file as it is, for a log below ${format}`),
        choice(file, `${name}: the guest's disk, for a log above ${format}`),
      ];
    });
}
