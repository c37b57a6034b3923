// The QED format driver (QED specification; the file's layout is drawn in layout.ts). A read-only open changes nothing,
// whatever the need-check bit says; a writable one first clears autoclear bits it does not know.
import * as z from "zod";
import { defineDriver } from "../../block/driver.ts";
import type { Child } from "../../block/node.ts";
import { child } from "../../block/options.ts";
import { openBacking, readBackingName } from "./backing.ts";
import { creation } from "./create.ts";
import { HeaderFile, readHeader } from "./header.ts";
import { probeQed } from "./layout.ts";
import { QedNode } from "./node.ts";

export const qed = defineDriver({
  kind: "format",
  options: z.strictObject({ driver: z.literal("qed"), file: child, backing: child.nullish() }),
  probe: probeQed,
  creation,
  checks: true,
  open: async (options, context) => {
    const file = await context.openChild("file", "file", options.file);
    const header = await readHeader(file);
    const name = await readBackingName(header, file);
    const children: Child[] = [{ name: "file", role: "file", node: file }];
    const backing = await openBacking(options.backing, name, header, file, context);
    if (backing) children.push({ name: "backing", role: "backing", node: backing });
    // After `repair` what is left is written to as the peer does; `skip` is for a check that follows.
    const headerFile = new HeaderFile(header, file, context.dirty === "report");
    const isKept = context.readOnly || context.dirty === "untouched";
    if (!isKept && header.autoclearFeatures !== 0n) await headerFile.change({ autoclearFeatures: 0n });
    return new QedNode(headerFile, name, children, context);
  },
});
