// What the peer prints on its error output of what a check finds and a repair mends.
import type { PeerLines } from "../block/finding.ts";
import { printable, stderr } from "./output.ts";

/** Lines for a table that several others refer to are printed so often at most. */
const mostTimes = 1000;

/** One finding's lines, to be seen when stderr is flushed. */
export function printPeerLines({ lines, times = 1, numbers }: PeerLines): void {
  for (let time = 0; time < Math.min(times, mostTimes); time++) {
    for (const line of lines.map(printable)) {
      if (numbers === undefined || !line.includes("#")) {
        stderr.line(line);
        continue;
      }
      for (let i = 0; i < numbers.count; i++) stderr.line(line.replace("#", String(numbers.first + i)));
    }
  }
}
