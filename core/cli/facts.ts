// Format-specific facts and tables of snapshots as lines, in the form of the peer.
import { formatSize } from "../base/units.ts";
import type { Fact, NodeInfo, SnapshotInfo } from "../block/node.ts";
import { printable } from "./output.ts";
import { inPlaceOfPeer } from "./persona.ts";

/** A line a fact; groups and lists have theirs below them, further in. Outside of groups empty lists are left out. */
export function factLines(facts: NonNullable<NodeInfo["specific"]>, indent = 1): string[] {
  return Object.entries(facts).flatMap(([key, value]) => lines(key.replaceAll("-", " "), value, indent));
}

function lines(name: string, value: Fact, indent: number): string[] {
  const start = `${"    ".repeat(indent)}${printable(name)}:`;
  if (typeof value !== "object") return [`${start} ${printable(String(value))}`];
  if (!isList(value)) return [start, ...factLines(value, indent + 1)];
  if (value.length === 0 && indent === 1) return [];
  return [start, ...value.flatMap((item, i) => lines(`[${i}]`, item, indent + 1))];
}

function isList(value: Fact): value is readonly Fact[] {
  return Array.isArray(value);
}

/** The table of `snapshot -l` and of `info`, its header first. Dates are in local time. */
export function snapshotLines(snapshots: readonly SnapshotInfo[]): string[] {
  return [
    row("ID        ", "TAG              ", "VM SIZE", "DATE", "VM CLOCK", "ICOUNT"),
    ...snapshots.map((one) =>
      row(
        `${printable(told(one.id)).padEnd(9)} `,
        `${printable(told(one.name)).padEnd(16)} `,
        formatSize(one.vmStateSize),
        dateText(one.dateSeconds),
        clockText(one),
        one.icount === undefined ? "" : String(one.icount),
      ),
    ),
  ];
}

/** A snapshot's id or name. For the peer it ends at its first zero byte. */
export function told(text: string): string {
  return inPlaceOfPeer ? (text.split("\0", 1)[0] ?? "") : text;
}

function row(id: string, tag: string, size: string, date: string, clock: string, icount: string): string {
  return `${id}${tag}${size.padStart(8)}${date.padStart(20)}${clock.padStart(13)}${icount.padStart(11)}`;
}

const two = (value: number) => String(value).padStart(2, "0");

function dateText(seconds: number): string {
  const date = new Date(seconds * 1000);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function clockText({ vmClockSeconds, vmClockNanoseconds }: SnapshotInfo): string {
  const [hours, rest] = [Math.floor(vmClockSeconds / 3600), vmClockSeconds % 3600];
  const milliseconds = String(Math.floor(vmClockNanoseconds / 1e6)).padStart(3, "0");
  return `${two(hours)}:${two(Math.floor(rest / 60))}:${two(rest % 60)}.${milliseconds}`;
}
