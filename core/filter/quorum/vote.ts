// Votes of a quorum: groups of children that say the same, and which group wins (filters reference, 2.4 and 2.5).
import { BlockError } from "../../base/errors.ts";
import { errnoOf } from "../../base/strerror.ts";

export interface VoteGroup {
  readonly value: string;
  /** Numbers of the children, ascending: the first is the one whose answer stands for the group. */
  readonly members: readonly number[];
}

/**
 * The groups, that of the highest first member first: in this order events are told, and among groups of equal size
 * the first of them wins.
 */
export function groupsOf(votes: readonly { readonly child: number; readonly value: string }[]): VoteGroup[] {
  const groups = new Map<string, number[]>();
  for (const { child, value } of votes) {
    const members = groups.get(value);
    if (members === undefined) groups.set(value, [child]);
    else members.push(child);
  }
  return [...groups].map(([value, members]) => ({ value, members })).reverse();
}

/** The group with the most votes; among equals the first. undefined without votes. */
export function winnerOf(groups: readonly VoteGroup[]): VoteGroup | undefined {
  let best: VoteGroup | undefined;
  for (const group of groups) {
    if (best === undefined || group.members.length > best.members.length) best = group;
  }
  return best;
}

/** SHA-256 of what a child read, as hexadecimal text. The library is loaded at the first difference only. */
export async function voteOf(bytes: Uint8Array): Promise<string> {
  const { createHash } = await import("node:crypto");
  return createHash("sha256").update(bytes).digest("hex");
}

/** The error that most failed children agree on. At least one has failed. */
export function errorVote(
  failed: readonly { readonly child: number; readonly error: BlockError }[],
): BlockError {
  const votes = failed.map(({ child, error }) => ({ child, value: String(errnoOf(error)) }));
  const first = winnerOf(groupsOf(votes))?.members[0];
  const winner = failed.find(({ child }) => child === first)?.error;
  return winner ?? new BlockError("EIO", "No child answered");
}
