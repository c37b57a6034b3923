// Pieces of option schemas that several drivers share.
import * as z from "zod";
import { parseSize } from "../base/units.ts";
import type { NodeOptions } from "./driver.ts";

/** A child's options: loose here, parsed strictly by the child's own driver when it is opened. */
export const child = z.custom<NodeOptions>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  'must be the options of a node, such as {"driver": "file", "filename": "disk.img"}',
);

/** Bytes: a number, or text with a suffix ("64k") as it comes from a command line. */
export const size = z.union([
  z.int().nonnegative(),
  z.string().transform((text, context) => {
    const bytes = parseSize(text);
    if (bytes !== undefined) return bytes;
    context.addIssue({ code: "custom", message: `'${text}' is not a size` });
    return z.NEVER;
  }),
]);
