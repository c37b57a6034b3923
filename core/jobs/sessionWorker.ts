// Entry of the session's thread. Started by sessionClient.ts only.
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import type { ThreadRole } from "./client.ts";
import { portOfChannel } from "./port.ts";
import { serveSession } from "./session.ts";

if (!isMainThread && parentPort !== null && workerData === ("blkscope:session" satisfies ThreadRole)) {
  serveSession(portOfChannel(parentPort));
}
