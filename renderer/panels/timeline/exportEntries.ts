// The entries that pass the filter as JSON lines, with the members that the command line's list has.
import { toPlain } from "../../../core/base/errors.ts";
import { type LogRow, longestPage } from "../../../core/ops/logIndexRun.ts";
import { entryFlags } from "../../../core/writelog/layout.ts";
import { call } from "../../api.ts";
import { useApp } from "../../store/app.ts";
import { useView } from "../../store/view.ts";
import { decimal } from "../../widgets/format.ts";
import type { TimelineSession } from "./session.ts";

/** Entries in one file: their text has to fit memory. */
const mostExported = 500_000;

export async function saveEntries(session: TimelineSession): Promise<void> {
  const { filter } = session.store.getState();
  const { image } = session;
  const { rowCount } = session.filter;
  if (image === undefined) return;
  if (rowCount > mostExported) {
    useApp
      .getState()
      .refuse(
        `${decimal(rowCount)} entries are more than can be saved at once, ${decimal(mostExported)}. Filter them, or use blkscope log list --json.`,
      );
    return;
  }
  try {
    useView.getState().say("Gathering the entries…");
    const content = await linesOf(session, filter.applied);
    const saved = await call("export:save", { suggestedName: `${image.file.name} entries.jsonl`, content });
    useView.getState().say(saved ? `Saved ${saved.name}` : undefined);
  } catch (error) {
    const { message, context } = toPlain(error);
    const hint = context.hint === undefined ? "" : ` ${context.hint}`;
    useApp.getState().refuse(`The entries were not saved: ${message}.${hint}`);
  }
}

async function linesOf(session: TimelineSession, filter: string): Promise<string> {
  const lines: string[] = [];
  for (let first = 0; ; first += longestPage) {
    const { total, rows } = await call("log:rows", { job: session.asked, filter, first, count: longestPage });
    for (const row of rows) lines.push(`${JSON.stringify(lineOf(row))}\n`);
    if (rows.length === 0 || first + rows.length >= Math.min(total, mostExported)) return lines.join("");
  }
}

/** As `blkscope log list --json` prints it. */
export function lineOf(row: LogRow): object {
  const { entry, kind, flags, offset, length, header, payload, text, counted, recovered } = row;
  const names = Object.entries(entryFlags)
    .filter(([, flag]) => Math.floor(flags / flag) % 2 === 1)
    .map(([name]) => name.toUpperCase());
  return {
    entry,
    kind,
    flags: names,
    offset,
    length,
    header,
    ...(kind === "write" && { data: payload }),
    ...(text !== undefined && { text }),
    counted,
    recovered,
  };
}
