// What debugging drivers notice, on the command line: the line of a mismatch, and with --events every event as one
// JSON line, all on stderr.
import type { BreakpointEvent, NodeEvent } from "../block/events.ts";
import type { OptionSpec } from "./options.ts";
import { jsonText, printable, printErrorLine, stderr, stdout } from "./output.ts";
import { printPeerLines } from "./peerLines.ts";

export const eventsOption = {
  long: "events",
  own: true,
  help: "print what debugging drivers notice (mismatches, votes, failures, injected errors) as JSON lines on stderr",
} as const satisfies OptionSpec;

let isPrinting = false;
let stopped = false;

export function printEvents(): void {
  isPrinting = true;
}

/** A comparison of copies failed with the policy to stop: its line is printed, and the command ends with no other. */
export function stoppedByMismatch(): boolean {
  return stopped;
}

export function tellEvent(event: NodeEvent): void {
  if (event.kind === "breakpoint") stdout.line(breakpointText(event));
  if (event.kind === "repair") {
    printPeerLines(event.peer);
    stderr.flush();
  }
  // Of those that end the command there is one: what else is in flight is over with it.
  if (event.kind === "mismatch" && !stopped) {
    printErrorLine(event.text);
    stopped = event.stops;
  }
  if (isPrinting) printErrorLine(jsonText(plainEvent(event)));
}

function breakpointText({ state, tag }: BreakpointEvent): string {
  return `blkdebug: ${state === "suspended" ? "Suspended" : "Resuming"} request '${printable(tag)}'`;
}

/** The event as JSON has it: names with dashes, those of the peer for its own events, bytes as hexadecimal text. */
export function plainEvent(event: NodeEvent): object {
  switch (event.kind) {
    case "quorum-report-bad": {
      const { node, type, nodeName, child, error, sectorNum, sectorsCount } = event;
      const data = { type, ...(error !== undefined && { error }), "node-name": nodeName };
      const place = { "sector-num": sectorNum, "sectors-count": sectorsCount };
      return { event: "QUORUM_REPORT_BAD", node, child, data: { ...data, ...place } };
    }
    case "quorum-failure": {
      const { node, reference, sectorNum, sectorsCount } = event;
      const data = { reference, "sector-num": sectorNum, "sectors-count": sectorsCount };
      return { event: "QUORUM_FAILURE", node, data };
    }
    case "mismatch": {
      const { kind, node, driver, op, offset, length, reference, test, difference, text, sectorText } = event;
      return {
        event: kind,
        node,
        driver,
        op,
        offset,
        length,
        ...(reference && { "reference-error": reference.message }),
        ...(test && { "test-error": test.message }),
        ...(difference && {
          "first-mismatch": difference.offset,
          sector: difference.sector,
          "window-offset": difference.windowOffset,
          "reference-bytes": hexText(difference.referenceBytes),
          "test-bytes": hexText(difference.testBytes),
        }),
        text,
        "sector-text": sectorText,
      };
    }
    case "log-error":
      return { ...named(event), error: event.error.message };
    default:
      return named(event);
  }
}

function named({ kind, ...rest }: NodeEvent): object {
  return { event: kind, ...rest };
}

function hexText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
