// Entry of a job's thread, and of a job's helper thread. Started by client.ts only.
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { serveCompareHelper } from "../ops/compareHelper.ts";
import { startHelperThread, type ThreadRole } from "./client.ts";
import { portOfChannel } from "./port.ts";
import { serveJob } from "./serve.ts";

if (!isMainThread && parentPort !== null) {
  const role: unknown = workerData;
  const port = portOfChannel(parentPort);
  if (role === ("blkscope:job" satisfies ThreadRole)) serveJob(port, startHelperThread);
  if (role === ("blkscope:compare-helper" satisfies ThreadRole)) serveCompareHelper(port);
}
