// The caret and the selection in words: bytes in both bases, sector and remainder, cluster; never a bare number.
import type { Location } from "../../core/jobs/sessionContract.ts";
import { bytes, count, decimal, hex } from "../widgets/format.ts";

export const sectorSize = 512;

/** "s160+16": sector and the bytes into it. */
function sectorPosition(offset: number): string {
  const rest = offset % sectorSize;
  return `s${Math.floor(offset / sectorSize)}${rest ? `+${rest}` : ""}`;
}

interface Place {
  readonly space: "guest" | "file";
  readonly clusterSize: number | undefined;
  /** Bytes that B is shifted by; 0 for none. */
  readonly shift: number;
}

/** "guest 0x14010 (81,936) · s160+16 · c1". */
export function bytePosition({ space, clusterSize, shift }: Place, caret: number): string {
  const parts = [`${space} ${hex(caret)} (${decimal(caret)})`, sectorPosition(caret)];
  if (clusterSize !== undefined) parts.push(`c${Math.floor(caret / clusterSize)}`);
  if (shift !== 0) parts.push(`B at ${hex(caret + shift)}`);
  return parts.join(" · ");
}

/** "sel 0x200 (512) B = 1 sector"; undefined when only the caret is there. */
export function selectionText(
  anchor: number,
  caret: number,
  clusterSize: number | undefined,
): string | undefined {
  const length = Math.abs(caret - anchor) + 1;
  if (length === 1) return undefined;
  const whole: string[] = [];
  if (length >= 1024) whole.push(bytes(length));
  if (length % sectorSize === 0) whole.push(count(length / sectorSize, "sector"));
  if (clusterSize !== undefined && length % clusterSize === 0)
    whole.push(count(length / clusterSize, "cluster"));
  return [`sel ${hex(length)} (${decimal(length)}) B`, ...whole].join(" = ");
}

/** Where a guest byte lies in its file: "file 0x64010", "file: unallocated, reads as zeros", "backing 0x…". */
export function locationText(layers: readonly Location[]): string | undefined {
  const answer = layers.find((layer) => layer.state !== "unallocated") ?? layers.at(-1);
  if (!answer) return undefined;
  const where =
    answer.depth === 0 ? "file" : answer.depth === 1 ? "backing file" : `backing file ${answer.depth}`;
  if (answer.state === "unallocated") return `${where}: not allocated, reads as zeros`;
  // A layer with tables says that a cluster is zero; without, it is a hole of the file.
  if (answer.state === "zero")
    return `${where}: ${answer.path === "" ? "hole, reads as zeros" : "zero cluster"}`;
  return answer.hostOffset === undefined ? `${where}: stored` : `${where} ${hex(answer.hostOffset)}`;
}
