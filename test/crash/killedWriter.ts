// A process that writes to an image until it is killed. Prints "ready" when the image is open and "flushed N"
// once batch N is durable; only then does the next one begin.
// Arguments: the image's driver and name, seed, number of the first batch.
import * as fs from "node:fs";
import { openGraph } from "../../core/graph.ts";
import { batchOf } from "./killPlan.ts";

const [driver = "", image = "", seed = "", first = ""] = process.argv.slice(2);

// Written at once, not by the event loop: what was said is said even if the kill comes next.
const say = (line: string) => fs.writeSync(1, `${line}\n`);

const spec = { driver, file: { driver: "file", filename: image } };
const { root } = await openGraph(spec, { readOnly: false, dirty: "repair" });
say("ready");
for (let number = Number(first); ; number++) {
  await Promise.all(
    batchOf(Number(seed), number).map(({ kind, offset, bytes }) =>
      kind === "zeroes" ? root.writeZeroes(offset, bytes.length) : root.write(offset, bytes),
    ),
  );
  await root.flush();
  say(`flushed ${number}`);
}
