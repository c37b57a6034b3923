// Options of an image that is opened for writing, in the peer's names: overlap-check, lazy-refcounts, pass-discard-*.
import * as z from "zod";
import type { PeerWords } from "../../../base/errors.ts";
import type { NodeOptions } from "../../../block/driver.ts";
import { onOff } from "../../../block/options.ts";
import { isOptions, overlay } from "../../../spec.ts";
import { cacheOptions, type TableCache } from "../cacheOptions.ts";
import type { MetadataOptions } from "./metadata.ts";
import { type Area, areas, type OverlapTemplate, overlapTemplates } from "./overlaps.ts";

const templates = ["none", "constant", "cached", "all"] as const;
const unknownTemplate = "Unsupported value";
const template = z.enum(templates, {
  error: ({ input }) =>
    `${unknownTemplate} '${String(input)}' for qcow2 option 'overlap-check'. Allowed are any of the following: ${templates.join(", ")}`,
});

/** A template, or a group of one and single areas. */
const overlapCheck = z.preprocess(
  (given) => (typeof given === "string" ? { template: given } : given),
  z.strictObject({
    template: template.optional(),
    ...(Object.fromEntries(areas.map((area) => [area, onOff.optional()])) as Record<
      Area,
      z.ZodOptional<typeof onOff>
    >),
  }),
);

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

export function metadataOptions(given: Given, tables?: TableCache): MetadataOptions {
  return {
    ...(tables && { tables }),
    lazyRefcounts: given["lazy-refcounts"],
    overlaps: overlapsOf(given["overlap-check"]),
    discards: {
      request: given["pass-discard-request"] ?? true,
      snapshot: given["pass-discard-snapshot"] ?? true,
      other: given["pass-discard-other"] ?? false,
    },
  };
}

/** The peer's text for a template that there is not. */
export function optionPeerWords(
  _path: readonly string[],
  { message }: z.core.$ZodIssue,
): PeerWords | undefined {
  return message.startsWith(unknownTemplate) ? { message } : undefined;
}

/** What can be changed while an image is open. */
export const changeableOptions = [...Object.keys(writeOptions), ...Object.keys(cacheOptions)];

/** New options over those that an image was opened with: what contradicts a new one goes. */
export function joinedOptions(old: NodeOptions, given: NodeOptions): NodeOptions {
  const kept: Record<string, unknown> = { ...withTemplate(old) };
  if (given["cache-size"] !== undefined) {
    for (const key of ["l2-cache-size", "refcount-cache-size"]) delete kept[key];
  }
  const joined: Record<string, unknown> = { ...overlay(kept, withTemplate(given)) };
  const parts = [joined["l2-cache-size"], joined["refcount-cache-size"]];
  // Both parts say all; new ones that contradict each other are refused when the image is opened.
  if (given["cache-size"] === undefined && !parts.includes(undefined)) delete joined["cache-size"];
  return joined;
}

/** `overlap-check` as a group, which others can be laid over. */
function withTemplate(options: NodeOptions): NodeOptions {
  const { "overlap-check": check } = options;
  return check === undefined || isOptions(check)
    ? options
    : { ...options, "overlap-check": { template: check } };
}

/** The areas of a template, and those that are named one by one. */
function overlapsOf(given: Given["overlap-check"] = {}): ReadonlySet<Area> {
  const name: OverlapTemplate = given.template ?? "cached";
  const wanted = new Set<Area>(overlapTemplates[name]);
  for (const area of areas) {
    if (given[area] === true) wanted.add(area);
    if (given[area] === false) wanted.delete(area);
  }
  return wanted;
}
