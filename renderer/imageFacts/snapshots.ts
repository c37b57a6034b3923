// The snapshots inside an open image: which words find each of them, and how one is opened beside the disk as it is now.
import { toPlain } from "../../core/base/errors.ts";
import type { SnapshotInfo } from "../../core/block/node.ts";
import type { OpenedImage } from "../../electron/ipc/contract.ts";
import { call } from "../api.ts";
import { openState } from "../shell/openFlows.ts";
import { useApp } from "../store/app.ts";
import { trustsBacking, useImages } from "../store/images.ts";
import { useView } from "../store/view.ts";

export type SnapshotView = "hex" | "map" | "compare";

/** Why the command can't run; undefined when there is something to choose from. */
export function noSnapshotsWhy({ info, file }: OpenedImage): string | undefined {
  if (file.isGraph) return "Snapshots are offered for the image's own file";
  return (info.snapshots ?? []).length === 0 ? "The image has no snapshots inside" : undefined;
}

/**
 * The id or name that opens this very snapshot: an id comes before a name, and the first in the list before others. None
 * where another one takes both.
 */
export function keyOf(list: readonly SnapshotInfo[], wanted: SnapshotInfo): string | undefined {
  const found = (key: string) => list.find(({ id }) => id === key) ?? list.find(({ name }) => name === key);
  return [wanted.id, wanted.name].find((key) => found(key) === wanted);
}

/** Shows a snapshot in a tab of its own, or beside the disk as it is now. */
export async function openSnapshot(
  image: OpenedImage,
  wanted: SnapshotInfo,
  as: SnapshotView,
): Promise<void> {
  const snapshot = keyOf(image.info.snapshots ?? [], wanted);
  if (snapshot === undefined) return;
  try {
    const label = wanted.name || wanted.id;
    const file = await call("image:snapshot", { image: image.image, snapshot, label });
    // What was allowed for the image is allowed for its snapshots: they stand on the same files.
    const opening = useImages.getState().open(file, { trustBacking: trustsBacking(image.file.token) });
    await openState(file, as === "compare" ? { kind: as, other: image.file } : { kind: as });
    await opening;
    useView.getState().say(`${file.name}, read-only`);
  } catch (error) {
    useApp.getState().refuse(`The snapshot can't be opened: ${toPlain(error).message}.`);
  }
}

/** "2026-11-21 14:03:22", in the time of this place. */
export function dateText({ dateSeconds }: Pick<SnapshotInfo, "dateSeconds">): string {
  const date = new Date(dateSeconds * 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
