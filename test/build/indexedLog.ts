// A made log as the product reads it.
import { MemoryNode } from "../../core/protocol/memory.ts";
import { indexLog } from "../../core/writelog/index.ts";
import type { MadeLog } from "./randomLog.ts";

export async function indexOf(log: MadeLog) {
  const node = new MemoryNode("log", true, log.bytes);
  return { node, index: await indexLog(node) };
}
