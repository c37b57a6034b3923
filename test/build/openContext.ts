// What a driver is given to open with, in tests that open one without a graph.
import type { OpenContext } from "../../core/block/driver.ts";
import type { BlockNode } from "../../core/block/node.ts";

/** Children by their names; `over` takes the place of the defaults: writable, not repaired, nobody listens. */
export function openContext(
  child: (name: string) => BlockNode,
  over: Partial<OpenContext> = {},
): OpenContext {
  return {
    name: "top",
    readOnly: false,
    baseDir: "/",
    backing: "none",
    dirty: "report",
    purpose: "use",
    sharing: { forceShare: false },
    cache: { writethrough: false, direct: false, noFlush: false },
    warn: () => undefined,
    event: () => undefined,
    fileOpened: () => undefined,
    openChild: async (name) => child(name),
    reopenChild: async (name) => child(name),
    ...over,
  };
}
