// Whether an image has a container file with bytes of its own beside the guest disk.
import type { OpenedImage } from "../../../electron/ipc/contract.ts";

/** A raw image is its file: there is nothing else to look at. Filters stand on nodes, not on one file. */
export const hasFileSpace = ({ format, nodes }: OpenedImage): boolean =>
  format !== "raw" && nodes.some(({ path }) => path === "file");

/** Why there is only one address space. */
export const noFileSpace = ({ format }: OpenedImage): string =>
  format === "raw" ? "A raw image has one address space" : `${format} has no container file of its own`;
