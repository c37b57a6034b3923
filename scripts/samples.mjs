// npm run samples: writes assets/samples/sample.qed and sample.raw. The result is the same every time and is
// committed; a test checks that the committed files are what this makes.
import { mkdir, writeFile } from "node:fs/promises";
import { samplePair } from "./samples/pair.mjs";

const folder = new URL("../assets/samples/", import.meta.url);
await mkdir(folder, { recursive: true });
for (const [name, bytes] of Object.entries(samplePair())) {
  await writeFile(new URL(name, folder), bytes);
  console.log(`assets/samples/${name}: ${bytes.length} bytes`);
}
