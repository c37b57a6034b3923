// `blkscope map --kinds`: how many clusters of an image's file are of which kind, for people and as JSON.

import { formatSize } from "../base/units.ts";
import { kindWords } from "../block/kindWords.ts";
import type { BlockNode } from "../block/node.ts";
import { type ClusterKind, clusterKinds } from "../block/structure.ts";
import { type ClusterMap, mapClusters } from "../ops/clusterMap.ts";
import type { MapSummary } from "../ops/mapRun.ts";
import { interruptible } from "./interrupt.ts";
import { type ImageRequest, withImage } from "./openImage.ts";
import { jsonText, stderr, stdout } from "./output.ts";
import { Progress } from "./progress.ts";

/** Kinds listed even when there are none: a person wants to read the zero. */
const alwaysListed: ReadonlySet<ClusterKind> = new Set(["overlap", "bad-entry", "leaked", "unreadable"]);

export function printKinds(file: string, request: ImageRequest, json: boolean): Promise<void> {
  return withImage(file, { ...request, backing: false, toInspect: true }, async ({ graph }) => {
    const { summary } = await mapWithProgress(graph.root);
    if (json) stdout.line(jsonText({ filename: file, ...jsonOf(summary) }, 4));
    else printTable(summary);
  });
}

/** The map, its progress shown on a terminal. Throws CliError when interrupted. */
export async function mapWithProgress(node: BlockNode): Promise<ClusterMap> {
  const shows = process.stderr.isTTY === true;
  const progress = new Progress(shows ? stderr : undefined);
  try {
    return await interruptible(({ signal }) =>
      mapClusters(node, {
        signal,
        progress: (done, total) => progress.show(total === 0 ? 1 : done / total),
      }),
    );
  } finally {
    if (shows) progress.end();
  }
}

function jsonOf(summary: MapSummary): object {
  const { format, clusterSize, clusters, fileSize, hasTables, kinds, guest } = summary;
  const tables = hasTables && {
    "invalid-entries": summary.badEntries,
    "extra-references": summary.extraReferences,
    "unreadable-tables": summary.unreadableTables,
    "skipped-tables": summary.skippedTables,
    ...(guest && {
      guest: { clusters: guest.total, allocated: guest.allocated, zero: guest.zero },
    }),
  };
  return { format, "cluster-size": clusterSize, clusters, "file-size": fileSize, kinds, ...tables };
}

function printTable(summary: MapSummary): void {
  const { kinds, clusters, clusterSize, fileSize, guest } = summary;
  const unit = summary.hasTables ? "clusters" : "parts";
  stdout.line(`${clusters} ${unit} of ${formatSize(clusterSize)} in a file of ${fileSize} bytes`);
  stdout.line("");
  stdout.line(line("Kind", unit[0]?.toUpperCase() + unit.slice(1), "Bytes", "Of the file"));
  for (const kind of [...clusterKinds].reverse()) {
    const { clusters: count, bytes } = kinds[kind];
    if (count === 0 && !(summary.hasTables && alwaysListed.has(kind))) continue;
    const percent = fileSize === 0 ? 0 : (bytes * 100) / fileSize;
    stdout.line(line(kindWords[kind], String(count), String(bytes), `${percent.toFixed(2)} %`));
  }
  if (!summary.hasTables) return;
  stdout.line("");
  stdout.line(`Invalid entries: ${summary.badEntries}`);
  stdout.line(`References beyond the first: ${summary.extraReferences}`);
  if (summary.unreadableTables > 0) stdout.line(`Tables that can't be read: ${summary.unreadableTables}`);
  if (summary.skippedTables > 0) {
    stdout.line(
      `Tables not looked at, because they overlap others or are not found: ${summary.skippedTables}`,
    );
  }
  if (guest === undefined) return;
  const rest = Math.max(0, guest.total - guest.allocated - guest.zero);
  stdout.line(`Guest clusters: ${guest.allocated} allocated, ${guest.zero} zero, ${rest} unallocated`);
}

function line(kind: string, clusters: string, bytes: string, percent: string): string {
  return `${kind.padEnd(28)}${clusters.padStart(14)}${bytes.padStart(20)}${percent.padStart(13)}`;
}
