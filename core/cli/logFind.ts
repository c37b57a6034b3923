// `blkscope log find`: the entries of a log that pass a display filter (docs/log-filters.md).
import { filterIndex } from "../query/filterIndex.ts";
import { parseQuery } from "../query/parse.ts";
import type { Query } from "../query/tree.ts";
import { CliError } from "./command.ts";
import { exitOf, warnOfEnd, withLog } from "./logFile.ts";
import { type ListRequest, printEntries } from "./logList.ts";
import { negativeExit } from "./logOptions.ts";
import { printWarning } from "./output.ts";

export interface FindRequest extends ListRequest {
  readonly filter: string;
}

/** The exit code. Throws CliError. */
export function printFound(request: FindRequest): Promise<number> {
  const query = queryOf(request.filter);
  return withLog(request, async (log) => {
    const { index, node, signal } = log;
    const found = await filterIndex(index, node, query, { signal }, request.from);
    const shown = found.subarray(0, Math.min(found.length, request.count));
    if (shown.length > 0) await printEntries(log, shown, request.json);
    const more = found.length - shown.length;
    if (more > 0) {
      printWarning(`${more} more entries pass the filter; --count ends the list`);
      return 0;
    }
    warnOfEnd(index, request);
    if (found.length > 0) return exitOf(index);
    printWarning(`None of the log's ${index.count} entries passes the filter`);
    return negativeExit;
  });
}

/** Throws CliError with the place in the text. */
function queryOf(filter: string): Query {
  const parsed = parseQuery(filter);
  if (parsed.ok) return parsed.query;
  const { at, length, message } = parsed;
  const pointer = `${" ".repeat(at)}${"^".repeat(Math.max(1, length))}`;
  throw new CliError(`The filter is wrong: ${message}`, 1, `  ${filter}\n  ${pointer}`);
}
