// The copies of a quorum as a person knows them: the child's name and the file it stands on.
import type { NodeSummary } from "../../../core/jobs/sessionContract.ts";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";

export interface Copy {
  readonly node: NodeSummary;
  /** "children.1". */
  readonly name: string;
  readonly file: string | undefined;
}

/** In the order in which they vote: that of the graph. */
export function copiesOf({ nodes }: OpenedImage, quorum: string): readonly Copy[] {
  const prefix = quorum === "" ? "" : `${quorum}/`;
  const isBelow = ({ path }: NodeSummary) => path !== quorum && path.startsWith(prefix);
  return nodes
    .filter((node) => isBelow(node) && !node.path.slice(prefix.length).includes("/"))
    .map((node) => ({ node, name: node.path.slice(prefix.length), file: fileOf(nodes, node) }));
}

function fileOf(nodes: readonly NodeSummary[], node: NodeSummary): string | undefined {
  const below = nodes.find(
    ({ path, file }) => file !== undefined && (path === node.path || path.startsWith(`${node.path}/`)),
  );
  return below?.file;
}
