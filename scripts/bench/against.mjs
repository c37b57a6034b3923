// Ours and qemu-img with the same arguments: whole processes, medians, and how many times faster ours is.
import { rmSync } from "node:fs";
import { inRoot } from "../setup/paths.mjs";
import { alternate } from "./measure.mjs";
import { ms, speed } from "./report.mjs";

/** The built command line. */
export const own = (/** @type {readonly string[]} */ ...args) => [
  process.execPath,
  inRoot("dist/cli/blkscope.js"),
  ...args,
];

/**
 * `least` is the promised speed: theirs / ours.
 * @param {string} what
 * @param {readonly string[]} args
 * @param {number} least
 * @param {number} runs
 * @param {string} [target] a file that each run makes anew. Where one is replaced, the system has the room of the old one
 *   for whom empties it first, and not for whom keeps it until the new one is whole.
 * @returns {import("./report.mjs").Line}
 */
export function against(what, args, least, runs, target) {
  // 3: the peer takes a cluster of a large QED image for leaked, since it divides by the cluster size less one.
  const exits = [0, 3];
  const medians = alternate(
    [
      { name: "ours", argv: own(...args), exits },
      { name: "peer", argv: ["qemu-img", ...args], exits },
    ],
    runs,
    () => {
      if (target !== undefined) rmSync(target, { force: true });
    },
  );
  const [mine = Number.NaN, peers = Number.NaN] = [medians.get("ours"), medians.get("peer")];
  const goal = least === 1 ? "no slower" : `${least.toFixed(2)}x faster`;
  return {
    what,
    value: ms(mine),
    peer: ms(peers),
    ratio: speed(mine, peers),
    goal,
    met: peers / mine >= least,
  };
}
