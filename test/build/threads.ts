// Builds the code of our threads for tests: Node 20 does not run TypeScript in a worker.
import { rmSync } from "node:fs";
import * as path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { setWorkerFolder } from "../../core/jobs/workerUrl.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Call in beforeAll: afterwards jobs and sessions start in real threads. A folder of its own for each test process. */
export async function buildThreads(): Promise<void> {
  const folder = path.join(root, "node_modules", ".cache", "blkscope-threads", String(process.pid));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  await build({
    absWorkingDir: root,
    entryPoints: { jobWorker: "core/jobs/worker.ts", sessionWorker: "core/jobs/sessionWorker.ts" },
    outdir: folder,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["koffi"],
    logLevel: "error",
  });
  setWorkerFolder(pathToFileURL(`${folder}/`));
}
