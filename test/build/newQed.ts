// New QED images made by the product's own driver, in a folder that lives as long as the test.
import * as fs from "node:fs";
import * as path from "node:path";
import type { CreateRequest } from "../../core/block/driver.ts";
import { creation } from "../../core/format/qed/create.ts";
import { openGraph } from "../../core/graph.ts";
import { tempDir } from "./temp.ts";

export interface NewQed extends Omit<CreateRequest, "options"> {
  readonly options?: CreateRequest["options"];
  readonly folder?: string;
}

/** Gives its path. */
export async function newQed({ folder = tempDir(), options = {}, ...request }: NewQed): Promise<string> {
  const name = path.join(folder, "image.qed");
  fs.writeFileSync(name, "");
  const graph = await openGraph({ driver: "file", filename: name }, { readOnly: false });
  await creation.create(graph.root, { ...request, options });
  await graph.close();
  return name;
}
