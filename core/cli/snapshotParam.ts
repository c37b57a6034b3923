// The internal snapshot that -l names, and the image opened at it.
import { BlockError } from "../base/errors.ts";
import type { SnapshotInfo } from "../block/node.ts";
import { CliError } from "./command.ts";
import { type ImageRequest, type OpenedImage, reopenImage } from "./openImage.ts";
import { printError, wordsOf } from "./output.ts";

/** Throws CliError for a malformed name. */
export function refuseMisnamedSnapshot(snapshot: string | undefined): void {
  if (snapshot !== undefined) wantedOf(snapshot);
}

/** "snapshot.id=ID,snapshot.name=NAME"; anything else is an id or a name. Throws CliError. */
function wantedOf(snapshot: string): (one: SnapshotInfo) => boolean {
  if (!snapshot.startsWith("snapshot.")) return ({ id, name }) => id === snapshot || name === snapshot;
  const parts = snapshot.split(",").map((part) => part.split("=", 2) as [string, string?]);
  const odd = parts.find(([key]) => key !== "snapshot.id" && key !== "snapshot.name");
  if (odd !== undefined) {
    printError({ message: `Invalid parameter '${odd[0]}'` });
    throw new CliError(`Failed in parsing snapshot param '${snapshot}'`, 1);
  }
  const { "snapshot.id": id, "snapshot.name": name } = Object.fromEntries(parts);
  return (one) => (id === undefined || one.id === id) && (name === undefined || one.name === name);
}

/** The image as it was at a snapshot; what was open is closed. Throws CliError. */
export async function openSnapshot(
  image: OpenedImage,
  request: ImageRequest,
  snapshot: string,
): Promise<OpenedImage> {
  const { root } = image.graph;
  const { snapshots } = root.info;
  const isWanted = wantedOf(snapshot);
  if (snapshots === undefined) {
    const lacks = `Block format '${root.driver}' used by device '' does not support temporarily loading internal snapshots`;
    throw new CliError(`Failed to load snapshot: ${lacks}`, 1);
  }
  // An id comes before a name.
  const found = snapshots.find((one) => one.id === snapshot) ?? snapshots.find(isWanted);
  if (found === undefined) throw new CliError("Failed to load snapshot: Can't find snapshot", 1);
  try {
    return await reopenImage(image, { ...image.spec, driver: root.driver, snapshot: found.id }, request);
  } catch (error) {
    throw notLoaded(error);
  }
}

/** The image itself was open before: what is wrong is the snapshot's. */
function notLoaded(error: unknown): unknown {
  if (!(error instanceof CliError) || !(error.cause instanceof BlockError)) return error;
  const { message, hint } = wordsOf(error.cause);
  return new CliError(`Failed to load snapshot: ${message}`, error.exitCode, hint, { cause: error.cause });
}
