// The report of a check, for people and as JSON, in the form of qemu-img (command-line reference, 2.2).
import type { CheckResult, Finding } from "../block/finding.ts";
import { inPeerOrder } from "../canonicalName.ts";
import { jsonText, printable, stderr, stdout } from "./output.ts";

export interface CheckReport {
  /** As given. */
  readonly filename: string;
  readonly format: string;
  /** The dirty bit as it is now. */
  readonly dirty: boolean;
  readonly result: CheckResult;
  readonly findings: readonly Finding[];
  /** Corruptions that were repaired. */
  readonly fixed: number;
  readonly leaksFixed: number;
  /** The result is that of a second pass, after the repair. */
  readonly isSecond: boolean;
  /** Whether there are repairs for this format. */
  readonly hasRepairs: boolean;
}

/** Members that are 0 are left out, but for check-errors. Their order is the peer's. */
export function printCheckJson(report: CheckReport, listed: boolean): void {
  stderr.flush();
  const { result, fixed, leaksFixed, filename, format } = report;
  const counts = {
    "image-end-offset": result.imageEndOffset ?? 0,
    "total-clusters": result.totalClusters,
    "check-errors": result.checkErrors,
    "corruptions-fixed": fixed,
    "leaks-fixed": leaksFixed,
    filename,
    format,
    "allocated-clusters": result.allocatedClusters,
    "fragmented-clusters": result.fragmentedClusters,
    "compressed-clusters": result.compressedClusters,
    corruptions: result.corruptions,
    leaks: result.leaks,
  };
  const shown = inPeerOrder(Object.entries<string | number>(counts)).filter(
    ([key, value]) => value !== 0 || key === "check-errors",
  );
  const more = listed
    ? {
        "dirty-flag": report.dirty,
        "findings-dropped": result.findingsDropped,
        findings: report.findings.map((finding) => plainFinding(finding, report.hasRepairs)),
      }
    : {};
  stdout.line(jsonText({ ...Object.fromEntries(shown), ...more }, 4));
}

function plainFinding(finding: Finding, hasRepairs: boolean): object {
  const { kind, code, message, offset, length, table, entry, value, guest, references, repair } = finding;
  return {
    kind,
    code,
    message,
    offset,
    length,
    ...(table && { table }),
    ...(entry !== undefined && { entry }),
    ...(value !== undefined && { value }),
    ...(guest && { "guest-offset": guest.offset, "guest-length": guest.length }),
    ...(references && { references }),
    repairable: hasRepairs && repair !== "none",
  };
}

export function printCheckHuman(report: CheckReport, listed: boolean): void {
  const { result, fixed, leaksFixed } = report;
  // What was said of single findings comes before.
  stderr.flush();
  if (report.isSecond) {
    stdout.line("The following inconsistencies were found and repaired:");
    stdout.line("");
    stdout.line(`    ${leaksFixed} leaked clusters`);
    stdout.line(`    ${fixed} corruptions`);
    stdout.line("");
    stdout.line("Double checking the fixed image now...");
  }
  if (listed) printFindings(report);
  printCounts(result);
  if (result.totalClusters > 0 && result.allocatedClusters > 0) stdout.line(statistics(result));
  if (result.imageEndOffset) stdout.line(`Image end offset: ${result.imageEndOffset}`);
  if (listed && report.dirty) stdout.line("The image is marked as not properly closed.");
}

function printCounts({ corruptions, leaks, checkErrors }: CheckResult): void {
  if (corruptions === 0 && leaks === 0 && checkErrors === 0) {
    stdout.line("No errors were found on the image.");
    return;
  }
  if (corruptions > 0) {
    stdout.line("");
    stdout.line(`${corruptions} errors were found on the image.`);
    stdout.line("Data may be corrupted, or further writes to the image may corrupt it.");
  }
  if (leaks > 0) {
    stdout.line("");
    stdout.line(`${leaks} leaked clusters were found on the image.`);
    stdout.line("This means waste of disk space, but no harm to data.");
  }
  if (checkErrors > 0) {
    stdout.line("");
    stdout.line(`${checkErrors} internal errors have occurred during the check.`);
  }
}

function statistics({
  totalClusters,
  allocatedClusters,
  fragmentedClusters,
  compressedClusters,
}: CheckResult): string {
  const percent = (part: number, whole: number) => twoDigits((part * 100) / whole);
  const allocated = `${allocatedClusters}/${totalClusters} = ${percent(allocatedClusters, totalClusters)}% allocated`;
  const fragmented = `${percent(fragmentedClusters, allocatedClusters)}% fragmented`;
  return `${allocated}, ${fragmented}, ${percent(compressedClusters, allocatedClusters)}% compressed clusters`;
}

/** One line each: kind, where in the file, what. */
function printFindings({ findings, result, hasRepairs }: CheckReport): void {
  for (const { kind, offset, message, repair } of findings) {
    const place = `0x${offset.toString(16)}`;
    const note = hasRepairs && repair !== "none" ? " [repairable]" : "";
    stdout.line(`${kind.padEnd(11)} ${place.padStart(14)}  ${printable(message)}${note}`);
  }
  if (result.findingsDropped > 0) {
    stdout.line(`${result.findingsDropped} further findings were counted and are not listed.`);
  }
}

/** As C prints %.2f: a value exactly between two is rounded to the even one. */
function twoDigits(value: number): string {
  const hundredths = value * 100;
  const low = Math.floor(hundredths);
  return hundredths - low === 0.5 ? ((low + (low % 2)) / 100).toFixed(2) : value.toFixed(2);
}
