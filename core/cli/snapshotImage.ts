// The work of `snapshot` that changes an image, with the messages of qemu-img.
import { BlockError } from "../base/errors.ts";
import { errnoOf, strerror } from "../base/strerror.ts";
import type { BlockNode } from "../block/node.ts";
import { CliError } from "./command.ts";
import { openError } from "./openError.ts";
import { printError, printErrorLine } from "./output.ts";
import { inPlaceOfPeer } from "./persona.ts";

/** The peer's words for clusters that could not be given up. */
const freeing = "Failed to free the cluster";

export interface SnapshotRequest {
  readonly file: string;
  readonly action: "create" | "apply" | "delete";
  /** Of the snapshot, or its id. */
  readonly name: string;
}

/** Throws CliError. */
export async function changeSnapshots(root: BlockNode, request: SnapshotRequest): Promise<void> {
  const { file, action, name } = request;
  const { snapshots } = root;
  if (snapshots === undefined) throw lacking(request, root.driver);
  const isEncrypted = root.info.encrypted === true;
  const wanted = action === "delete" && !isEncrypted ? toDelete(root, request) : name;
  try {
    await snapshots[action](wanted);
  } catch (error) {
    if (!(error instanceof BlockError)) throw error;
    // The peer does not open one without its key.
    if (isEncrypted && error.code === "ENOTSUP") throw openError(file, error, 1);
    throw failed(request, error);
  }
}

/** Its id: the peer knows what is to be deleted by its name only, and a name comes first here as well. */
function toDelete(root: BlockNode, request: SnapshotRequest): string {
  const { snapshots = [] } = root.info;
  const named = snapshots.find(({ name }) => name === request.name);
  const found = named ?? (inPlaceOfPeer ? undefined : snapshots.find(({ id }) => id === request.name));
  if (found !== undefined) return found.id;
  const known = snapshots.map(({ id, name }) => `${id} (${name})`);
  const hint =
    known.length === 0 ? "The image has no snapshots." : `It has ${known.slice(0, 20).join(", ")}.`;
  throw failure(request, "snapshot not found", hint);
}

/** What a format without snapshots answers. */
function lacking(request: SnapshotRequest, format: string): CliError {
  const hint = `Images of the format ${format} have no snapshots inside; create an overlay with create -b.`;
  const why = {
    create: "-95 (Operation not supported)",
    apply: "Block driver does not support snapshots",
    delete: "snapshot not found",
  };
  return failure(request, why[request.action], hint);
}

function failed(request: SnapshotRequest, error: BlockError): CliError {
  const { hint, peer } = error.context;
  if (!inPlaceOfPeer) return failure(request, error.message, hint);
  if (request.action === "create") {
    return failure(request, `${-errnoOf(error)} (${strerror(error)})`);
  }
  if (request.action === "delete") {
    // Its driver says so by itself, without the program's name.
    if (peer?.message.startsWith(freeing)) printErrorLine(`qcow2_free_clusters failed: ${strerror(error)}`);
    return failure(request, peer?.message ?? strerror(error));
  }
  if (error.code === "EBUSY") return failure(request, peer?.message ?? strerror(error));
  // What the driver says of it comes on a line before; that there is none it does not say.
  if (peer !== undefined && error.code !== "ENOENT" && peer.message !== strerror(error)) printError(peer);
  return failure(request, `Failed to load snapshot: ${strerror(error)}`);
}

function failure({ action, name }: SnapshotRequest, why: string, hint?: string): CliError {
  return new CliError(`Could not ${action} snapshot '${name}': ${why}`, 1, hint);
}
