// The two forms of `info`, with the members, lines, wording and order of `qemu-img info`.
import { formatSize } from "../base/units.ts";
import type { NodeInfo, SnapshotInfo } from "../block/node.ts";
import { factLines, snapshotLines, told } from "./facts.ts";
import type { ImageInfo } from "./imageInfo.ts";
import { printable } from "./output.ts";

/** The image as lines, each ended by a newline. */
export function humanInfo(image: ImageInfo): string {
  const { filename, format, virtualSize, actualSize, info } = image;
  const lines = [
    `image: ${printable(filename)}`,
    `file format: ${format}`,
    `virtual size: ${formatSize(virtualSize)} (${virtualSize} bytes)`,
    `disk size: ${actualSize === undefined ? "unavailable" : formatSize(actualSize)}`,
  ];
  if (info.encrypted === true) lines.push("encrypted: yes");
  if (info.clusterSize !== undefined) lines.push(`cluster_size: ${info.clusterSize}`);
  if (info.dirty === true) lines.push("cleanly shut down: no");
  lines.push(...backingLines(image), ...snapshotList(info));
  lines.push(...specificLines("Format specific information", info.specific));
  lines.push(...specificLines("Metadata-only bundle, without the guest's data", image.bundle));
  return `${lines.join("\n")}\n`;
}

function backingLines({ info, backingPath }: ImageInfo): string[] {
  if (info.backing === undefined) return [];
  const { filename, format } = info.backing;
  const path =
    backingPath === undefined
      ? " (cannot determine actual path)"
      : backingPath === filename
        ? ""
        : ` (actual path: ${printable(backingPath)})`;
  const lines = [`backing file: ${printable(filename)}${path}`];
  if (format !== undefined) lines.push(`backing file format: ${printable(format)}`);
  return lines;
}

function specificLines(title: string, specific: NodeInfo["specific"]): string[] {
  if (specific === undefined || Object.keys(specific).length === 0) return [];
  return [`${title}:`, ...factLines(specific)];
}

function snapshotList({ snapshots = [] }: NodeInfo): string[] {
  return snapshots.length === 0 ? [] : ["Snapshot list:", ...snapshotLines(snapshots)];
}

function snapshotJson(one: SnapshotInfo): object {
  return {
    ...(one.icount !== undefined && { icount: one.icount }),
    "vm-clock-nsec": one.vmClockNanoseconds,
    name: told(one.name),
    "date-sec": one.dateSeconds,
    "date-nsec": one.dateNanoseconds,
    "vm-clock-sec": one.vmClockSeconds,
    id: told(one.id),
    "vm-state-size": one.vmStateSize,
  };
}

/** The image as the object `--output json` prints. */
export function jsonInfo({
  filename,
  format,
  virtualSize,
  actualSize,
  info,
  bundle,
  reportsInfo,
  backingPath,
}: ImageInfo): object {
  const { clusterSize, backing, specific, snapshots = [], encrypted } = info;
  return {
    ...(snapshots.length > 0 && { snapshots: snapshots.map(snapshotJson) }),
    ...(backing?.format !== undefined && { "backing-filename-format": backing.format }),
    "virtual-size": virtualSize,
    filename,
    ...(clusterSize !== undefined && { "cluster-size": clusterSize }),
    format,
    ...(actualSize !== undefined && { "actual-size": actualSize }),
    ...(specific !== undefined && { "format-specific": { type: format, data: specific } }),
    ...(bundle !== undefined && { bundle }),
    ...(backing !== undefined && backingPath !== undefined && { "full-backing-filename": backingPath }),
    ...(backing !== undefined && { "backing-filename": backing.filename }),
    ...(encrypted === true && { encrypted }),
    ...(reportsInfo && { "dirty-flag": info.dirty ?? false }),
  };
}
