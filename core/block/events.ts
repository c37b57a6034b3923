// What debugging drivers notice while requests run: one stream of plain data from the nodes of a graph to jobs, the
// command line and the app. Nothing here is thrown; a driver that must stop a request throws as well.
import type { PlainError } from "../base/errors.ts";
import type { Finding, PeerLines } from "./finding.ts";

/** Two copies that must agree do not: blkverify, and quorum in its blkverify mode. */
export interface MismatchEvent {
  readonly kind: "mismatch";
  /** The node that compares, and its driver. */
  readonly node: string;
  readonly driver: string;
  readonly op: "read" | "write" | "write-zeroes" | "discard";
  readonly offset: number;
  readonly length: number;
  /** How each side ended: undefined is success. The reference (raw, child 0) and the copy under test. */
  readonly reference: PlainError | undefined;
  readonly test: PlainError | undefined;
  /** The request fails because of it; otherwise it is answered and only this event tells. */
  readonly stops: boolean;
  /** Where the contents differ first, for a read in which both succeeded. */
  readonly difference: Difference | undefined;
  /** The line of QEMU 7.2: byte offsets. */
  readonly text: string;
  /** The line of the first QEMU that had the driver: sectors of 512 bytes. */
  readonly sectorText: string;
}

export interface Difference {
  /** First differing byte, and the sector of 512 bytes it is in. */
  readonly offset: number;
  readonly sector: number;
  /** What both read there: `windowOffset` is the offset of their first byte. At most 4 KiB. */
  readonly windowOffset: number;
  readonly referenceBytes: Uint8Array;
  readonly testBytes: Uint8Array;
}

/** A child of a quorum that failed or was outvoted: QUORUM_REPORT_BAD. */
export interface VoteEvent {
  readonly kind: "quorum-report-bad";
  /** The quorum. */
  readonly node: string;
  readonly type: "read" | "write" | "flush";
  /** The child, by node name and by its option's name: "children.1". */
  readonly nodeName: string;
  readonly child: string;
  /** The system's text of the error; undefined for a child that was outvoted. */
  readonly error: string | undefined;
  readonly sectorNum: number;
  readonly sectorsCount: number;
}

/** No quorum was reached: QUORUM_FAILURE. */
export interface QuorumFailureEvent {
  readonly kind: "quorum-failure";
  readonly node: string;
  readonly reference: string;
  readonly sectorNum: number;
  readonly sectorsCount: number;
}

/** A request could not be logged. */
export interface LogErrorEvent {
  readonly kind: "log-error";
  readonly node: string;
  readonly op: string;
  readonly offset: number;
  readonly length: number;
  readonly error: PlainError;
}

/** A fault that was injected on purpose. */
export interface InjectedEvent {
  readonly kind: "injected";
  readonly node: string;
  readonly op: string;
  readonly offset: number;
  readonly length: number;
  readonly errno: number;
}

/** A request stopped at a breakpoint, or went on. */
export interface BreakpointEvent {
  readonly kind: "breakpoint";
  readonly node: string;
  readonly tag: string;
  readonly state: "suspended" | "resumed";
}

/** What a check found that was made because an image was not closed properly. */
export interface FindingEvent {
  readonly kind: "finding";
  readonly node: string;
  readonly finding: Finding;
}

/** What the peer prints while it mends an image that was not closed properly. */
export interface RepairEvent {
  readonly kind: "repair";
  readonly node: string;
  readonly peer: PeerLines;
}

export type NodeEvent =
  | MismatchEvent
  | VoteEvent
  | QuorumFailureEvent
  | LogErrorEvent
  | InjectedEvent
  | BreakpointEvent
  | FindingEvent
  | RepairEvent;
