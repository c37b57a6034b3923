// A record in words, for the message of a case that failed: the guest's requests and those of the file, in the order
// of their starts, up to the crash.

import { isDurable } from "./crashStates.ts";
import { isWrite } from "./guestModel.ts";
import type { Recorded } from "./recorder.ts";
import type { Part } from "./workload.ts";

/** Lines before the crash that are shown; a failure is rarely older. */
const mostLines = 120;

export function describePart(part: Part, moment: number): string {
  const { setting, model, record, snapshots } = part;
  const { clusterSize, format, backingSize } = setting;
  const head =
    `${format.driver}, cluster_size ${clusterSize}, ${format.words}, guest size ${model.initial.size}, ` +
    `${backingSize === undefined ? "no backing file" : `backing file of ${backingSize} bytes`}, ` +
    `${part.damagedAtStart ? "damaged by an earlier crash" : "sound at the start"}`;
  const guest = model.requests.map((request) => {
    const { kind, start, end } = request;
    const range = isWrite(request) ? ` ${place(request)}${request.fua ? " fua" : ""}` : "";
    const size = request.kind === "resize" ? ` to ${request.size}` : "";
    return { start, text: `guest ${kind}${range}${size}`, end, durable: model.isDurable(request, moment) };
  });
  const file = record.requests.map((request) => {
    const { start, end } = request;
    const text = `    file ${describeRequest(request, setting.clusterSize)}`;
    return { start, text, end, durable: request.kind !== "flush" && isDurable(request, record, moment) };
  });
  const made = snapshots.records.flatMap(({ name, made, deleted }) => [
    { ...made, text: `guest snapshot ${name}`, durable: made.end <= moment },
    ...(deleted
      ? [{ ...deleted, text: `guest deletes snapshot ${name}`, durable: deleted.end <= moment }]
      : []),
  ]);
  const done = part.acts.map(({ text, start, end }) => {
    return { start, text: `guest ${text}`, end, durable: end <= moment };
  });
  const lines = [...guest, ...made, ...done, ...file]
    .filter(({ start }) => start <= moment)
    .sort((a, b) => a.start - b.start)
    .map(({ start, text, end, durable }) => {
      const state = durable ? " durable" : end <= moment ? "" : " in flight";
      return `${String(start).padStart(5)} ${text}${end <= moment ? ` (until ${end})` : ""}${state}`;
    });
  const left = Math.max(0, lines.length - mostLines);
  return [head, ...(left > 0 ? [`... ${left} earlier requests`] : []), ...lines.slice(left)].join("\n");
}

function place({ offset, bytes }: { readonly offset: number; readonly bytes: Uint8Array }): string {
  return `${offset}+${bytes.length}`;
}

function describeRequest(request: Recorded, clusterSize: number): string {
  if (request.kind === "flush") return "flush";
  if (request.kind === "resize") return `resize to ${request.size}`;
  const { bytes, offset, kind } = request;
  const first = Buffer.from(bytes.subarray(0, 16)).toString("hex");
  return `${kind} ${place(request)} (cluster ${Math.floor(offset / clusterSize)}) ${first}`;
}
