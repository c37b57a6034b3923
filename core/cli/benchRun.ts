// `blkscope bench`, after its options: says what it sends, sends it, says how long that took.
import { BlockError } from "../base/errors.ts";
import { type BenchRequest, bench } from "../ops/bench.ts";
import { interruptible } from "./interrupt.ts";
import { stdout } from "./output.ts";

export async function runBench(request: Omit<BenchRequest, "signal">): Promise<number> {
  const { node, write, count, size, depth, offset, step, flushInterval } = request;
  if (node.size === 0) {
    throw new BlockError("EINVAL", "The image is empty: there is nothing to read or write");
  }
  const kind = write ? "write" : "read";
  const where = `(starting at offset ${offset}, step size ${step})`;
  stdout.line(`Sending ${count} ${kind} requests, ${size} bytes each, ${depth} in parallel ${where}`);
  if (flushInterval > 0) stdout.line(`Sending flush every ${flushInterval} requests`);
  stdout.flush();
  const milliseconds = await interruptible(({ signal }) => bench({ ...request, signal }));
  stdout.line(`Run completed in ${(milliseconds / 1000).toFixed(3)} seconds.`);
  return 0;
}
