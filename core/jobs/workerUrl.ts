// Where the code of our threads lies. In the built app it lies beside the file that starts the thread; the
// command line is one file and serves as its own thread (core/cli/main.ts hands over to worker.ts when it finds
// itself in one). From sources nothing can be started: Node 20 does not run TypeScript, so tests build the
// threads first and say where with `setWorkerFolder`.

export type WorkerName = "jobWorker" | "sessionWorker";

let folder: URL | undefined;

/** Takes the threads' files from this folder from now on; the URL ends with a slash. */
export function setWorkerFolder(url: URL): void {
  folder = url;
}

export function workerUrl(name: WorkerName): URL {
  if (folder !== undefined) return new URL(`${name}.js`, folder);
  const here = new URL(import.meta.url);
  return here.pathname.endsWith("/blkscope.js") ? here : new URL(`${name}.js`, here);
}
