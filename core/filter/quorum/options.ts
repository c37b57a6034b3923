// The options of quorum and their rules, in the words of the peer (filters reference, 2.1).
import * as z from "zod";
import { BlockError, type PeerWords } from "../../base/errors.ts";
import { child, integer, listOf, onOff } from "../../block/options.ts";

const notAList = "must be a list of nodes";
const badPattern = "Please set read-pattern as fifo or quorum";
const tooFew = "Number of provided children must be 1 or more";

export const quorumOptions = z.strictObject({
  driver: z.literal("quorum"),
  children: listOf(child, notAList).describe("The copies of one disk."),
  "vote-threshold": integer
    .describe("How many copies have to say the same for an answer; 2 of 3 is usual.")
    .default(0),
  blkverify: onOff.describe("Exactly two copies: the first difference ends the request.").default(false),
  "rewrite-corrupted": onOff
    .describe("Copies that were outvoted are repaired; has no effect on images opened for reading.")
    .default(false),
  "read-pattern": z
    .enum(["quorum", "fifo"], badPattern)
    .describe("quorum: all copies vote; fifo: the first that can be read answers.")
    .default("quorum"),
});

export type QuorumOptions = z.output<typeof quorumOptions>;

export function quorumPeerWords(
  path: readonly string[],
  { message }: z.core.$ZodIssue,
): PeerWords | undefined {
  if (path.length === 1 && path[0] === "children") return { message: tooFew };
  return message === badPattern ? { message } : undefined;
}

/** Throws EINVAL where the options contradict each other or the number of children. */
export function checkQuorum(options: QuorumOptions): void {
  const { children, "vote-threshold": threshold } = options;
  const isVoting = options["read-pattern"] === "quorum";
  if (children.length < 1) throw invalid("children", tooFew);
  if (threshold < 1) throw invalid(voteThreshold, "Parameter 'vote-threshold' expects a value >= 1");
  if (threshold > children.length) throw invalid(voteThreshold, "threshold may not exceed children count");
  if (isVoting && options.blkverify && (children.length !== 2 || threshold !== 2)) {
    throw invalid(
      "blkverify",
      "blkverify=on can only be set if there are exactly two files and vote-threshold is 2",
    );
  }
  if (isVoting && options.blkverify && options["rewrite-corrupted"]) {
    throw invalid("rewrite-corrupted", "rewrite-corrupted=on cannot be used with blkverify=on");
  }
}

const voteThreshold = "vote-threshold";

function invalid(option: string, message: string): BlockError {
  return new BlockError("EINVAL", message, { option });
}
