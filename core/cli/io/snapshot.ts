// An image that stays as it is: what is written goes to a temporary QED image over it. The temporary file loses its
// name as soon as it is open, so that nothing is left behind however the program ends.
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { BlockError } from "../../base/errors.ts";
import { type Graph, openGraph } from "../../graph.ts";
import { systemError } from "../../protocol/systemError.ts";
import { driverNamed } from "../../registry.ts";
import { graphOptions, type ImageRequest, topSpec } from "./image.ts";

const sector = 512;

/** The request's image below, the temporary one on top. Throws BlockError. */
export async function openSnapshot(request: ImageRequest): Promise<Graph> {
  const folder = temporaryFolder();
  try {
    const filename = path.join(folder, "changes.qed");
    await createOverlay(filename, await sizeOf(request));
    return await openGraph(
      topSpec(request, { driver: "qed", file: { driver: "file", filename }, backing: request.spec }),
      // Nobody will see the temporary file after a crash.
      { ...graphOptions(request), readOnly: false, cache: { noFlush: true } },
    );
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function temporaryFolder(): string {
  try {
    return fs.mkdtempSync(path.join(os.tmpdir(), "blkscope-io-"));
  } catch (error) {
    throw systemError("Could not create a temporary file", error, { path: os.tmpdir() });
  }
}

async function sizeOf(request: ImageRequest): Promise<number> {
  const graph = await openGraph(request.spec, { ...graphOptions(request), readOnly: true });
  try {
    return graph.root.size;
  } finally {
    await graph.close();
  }
}

async function createOverlay(filename: string, size: number): Promise<void> {
  const creation = driverNamed("qed")?.creation;
  if (creation === undefined) throw new BlockError("ENOTSUP", "Images of QED cannot be created");
  fs.writeFileSync(filename, "", { flag: "wx", mode: 0o600 });
  const graph = await openGraph({ driver: "file", filename }, { readOnly: false });
  try {
    const options = Object.fromEntries(
      creation.options.flatMap(({ name, default: value }) => (value === undefined ? [] : [[name, value]])),
    );
    await creation.create(graph.root, { size: Math.ceil(size / sector) * sector, options });
  } finally {
    await graph.close();
  }
}
