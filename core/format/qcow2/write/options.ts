// Options of an image that is opened for writing, in the peer's names: overlap-check, lazy-refcounts, pass-discard-*.
import * as z from "zod";
import { onOff } from "../../../block/options.ts";
import type { MetadataOptions } from "./metadata.ts";
import { type Area, areas, type OverlapTemplate, overlapTemplates } from "./overlaps.ts";

const template = z.enum(["none", "constant", "cached", "all"], "must be none, constant, cached or all");

const overlapCheck = z.union([
  template,
  z.strictObject({
    template: template.optional(),
    ...(Object.fromEntries(areas.map((area) => [area, onOff.optional()])) as Record<
      Area,
      z.ZodOptional<typeof onOff>
    >),
  }),
]);

export const writeOptions = {
  "lazy-refcounts": onOff
    .describe("Refcounts may be written late; a crash then needs a repair. Default: as the image says.")
    .optional(),
  "overlap-check": overlapCheck
    .describe("Which metadata writes are kept from: none, constant, cached (default) or all.")
    .optional(),
  "pass-discard-request": onOff
    .describe("What the guest discards is given back to the file system. Default: on.")
    .optional(),
  "pass-discard-snapshot": onOff
    .describe("What a deleted snapshot held is given back to the file system. Default: on.")
    .optional(),
  "pass-discard-other": onOff
    .describe("What is given up otherwise is given back to the file system. Default: off.")
    .optional(),
};

type Given = z.output<z.ZodObject<typeof writeOptions>>;

export function metadataOptions(given: Given): MetadataOptions {
  return {
    lazyRefcounts: given["lazy-refcounts"],
    overlaps: overlapsOf(given["overlap-check"]),
    discards: {
      request: given["pass-discard-request"] ?? true,
      snapshot: given["pass-discard-snapshot"] ?? true,
      other: given["pass-discard-other"] ?? false,
    },
  };
}

/** The areas of a template, and those that are named one by one. */
function overlapsOf(given: Given["overlap-check"] = "cached"): ReadonlySet<Area> {
  const name: OverlapTemplate = typeof given === "string" ? given : (given.template ?? "cached");
  const wanted = new Set<Area>(overlapTemplates[name]);
  if (typeof given === "string") return wanted;
  for (const area of areas) {
    if (given[area] === true) wanted.add(area);
    if (given[area] === false) wanted.delete(area);
  }
  return wanted;
}
