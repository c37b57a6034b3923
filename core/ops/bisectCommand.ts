// The line that makes a search again on the command line: `blkscope log bisect ...`.
import type { ImageSpec, NodeOptions } from "../block/driver.ts";
import type { LogIndex } from "../writelog/logIndex.ts";
import { commandLine } from "./commandWords.ts";
import type { LogBisectParams } from "./logBisectRun.ts";

/** undefined where the log is more than a plain file, or no words name its base: the command line takes no other. */
export function bisectCommand(
  params: LogBisectParams,
  index: Pick<LogIndex, "counted" | "recovered">,
): string | undefined {
  const { at, search, all, refine, judge, size, range } = params;
  const log = fileOf(params.log);
  const base = params.base === undefined ? [] : (fileOf(params.base) ?? graphOf(params.base));
  if (log === undefined || base === undefined) return undefined;
  const options = [
    ...["--at", momentsText(at)],
    ...(typeof at === "object" && at.torn ? ["--torn"] : []),
    ...["--search", search],
    ...(all ? ["--all"] : []),
    ...(refine ? ["--refine"] : []),
    ...(range === undefined ? [] : ["--start-entry", `${range.first}`, "--end-entry", `${range.end}`]),
    ...(range !== undefined && range.end > index.counted ? ["--tail"] : []),
    ...(index.recovered.length > 0 ? ["--recover"] : []),
    ...(params.base === undefined ? [] : ["--base", ...base]),
    ...(size === undefined ? [] : ["--size", `${size}`]),
  ];
  const line = (words: readonly string[]) => commandLine(["blkscope", "log", "bisect", ...options, ...words]);
  if (judge.kind === "check") return line(["--check", judge.format, ...log]);
  const { words, shell, timeoutMs } = judge.command;
  const how = [...(shell ? ["--shell"] : []), "--timeout", `${timeoutMs / 1000}`];
  return line([...how, ...log, "--", ...words]);
}

function momentsText(at: LogBisectParams["at"]): string {
  return typeof at === "object" ? `reorder:${at.count},${at.seed}` : `${at}`;
}

/** The one word that names it as a raw file or device; undefined for anything else. */
function fileOf(spec: ImageSpec): readonly [string] | undefined {
  if (typeof spec === "string") return undefined;
  const { driver, file, filename, ...others } = spec as NodeOptions & { readonly filename?: unknown };
  const isPlain = Object.keys(others).length === 0;
  if (isPlain && file === undefined && typeof filename === "string") {
    return driver === "file" || driver === "host_device" ? [safeName(filename)] : undefined;
  }
  const isRaw = driver === "raw" && isPlain && filename === undefined && typeof file === "object";
  return isRaw && file !== null ? fileOf(file as NodeOptions) : undefined;
}

/** The word for what a format makes of a file; undefined where it needs a secret, which only this program has been told. */
function graphOf(spec: ImageSpec): readonly [string] | undefined {
  if (typeof spec === "string" || spec.driver === undefined) return undefined;
  const text = JSON.stringify(spec);
  return /secret":/.test(text) ? undefined : [`json:${text}`];
}

/** A name that is taken neither for an option nor for a protocol's prefix. */
function safeName(filename: string): string {
  return filename.startsWith("/") || /^[A-Za-z]:[\\/]/.test(filename) ? filename : `./${filename}`;
}
