// Pieces of option schemas that several drivers share.
import * as z from "zod";
import { parseSize } from "../base/units.ts";
import type { NodeOptions } from "./driver.ts";

/** How a person gives an option: what a form needs to know of pieces that zod alone cannot tell. */
export type OptionInput = "child" | "size" | "switch" | "integer" | "list" | "file";

/** What the shared pieces below are. Copies of a piece (.optional(), .describe()) are found here as well. */
export const optionInputs = z.registry<{ readonly input: OptionInput }>();

function entered<S extends z.ZodType>(schema: S, input: OptionInput): S {
  optionInputs.add(schema, { input });
  return schema;
}

/** An option that is the name of a file. */
export function fileName<S extends z.ZodType>(schema: S): S {
  return entered(schema, "file");
}

/** Key under which options that are only the name of a node opened before hold that name. */
const reference = Symbol("reference");

/** Options that stand for the node of that name. */
export function referenceTo(name: string): NodeOptions {
  return { [reference]: name } as NodeOptions;
}

/** The name of the node that these options stand for; undefined where they describe one. */
export function referredNode(options: NodeOptions): string | undefined {
  return (options as { [reference]?: string })[reference];
}

export const notAChild = 'must be the options of a node, such as {"driver": "file", "filename": "disk.img"}';

/** A child's options: loose here, parsed strictly by the child's own driver when it is opened. Or a node's name. */
export const child = entered(
  z.union(
    [
      z.custom<NodeOptions>((value) => typeof value === "object" && value !== null && !Array.isArray(value)),
      z.string().transform(referenceTo),
    ],
    notAChild,
  ),
  "child",
);

export const notASize = "must be a size in bytes";

/** Bytes: a number, or text with a suffix ("64k") as it comes from a command line. */
export const size = entered(
  z.union([z.number(), z.string()], notASize).transform((given, context) => {
    const bytes = typeof given === "string" ? parseSize(given) : given;
    if (bytes !== undefined && Number.isSafeInteger(bytes) && bytes >= 0) return bytes;
    context.addIssue({ code: "custom", message: `'${given}' is not a size` });
    return z.NEVER;
  }),
  "size",
);

export const notOnOff = "must be on or off";

/** A switch: true or false, or as text from a command line on, off, yes, no. */
export const onOff = entered(
  z.union(
    [
      z.boolean(),
      z.enum(["on", "yes", "true", "off", "no", "false"]).transform((text) => /^(on|yes|true)$/.test(text)),
    ],
    notOnOff,
  ),
  "switch",
);

/** Options that every node takes, whatever its driver. */
export const generic = z.object({
  "node-name": z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9._-]*$/, "must begin with a letter and have letters, digits and . _ - only")
    .optional(),
  "read-only": onOff.optional(),
  /** Opens for reading what may not be opened for writing. */
  "auto-read-only": onOff.optional(),
  /** What a discard does: nothing, or it reaches the driver. */
  discard: z
    .enum(["ignore", "off", "unmap", "on"], "must be ignore or unmap")
    .transform((given) => (given === "unmap" || given === "on" ? "unmap" : "ignore"))
    .optional(),
  /** What a write of zero bytes becomes. */
  "detect-zeroes": z.enum(["off", "on", "unmap"], "must be off, on or unmap").optional(),
  cache: z.strictObject({ direct: onOff.optional(), "no-flush": onOff.optional() }).optional(),
  "force-share": onOff.optional(),
});
export type GenericOptions = z.infer<typeof generic>;

/** The options of the driver alone. */
export function withoutGeneric(tree: NodeOptions): NodeOptions {
  return Object.fromEntries(Object.entries(tree).filter(([key]) => !Object.hasOwn(generic.shape, key)));
}

export const notAnInteger = "must be a whole number";

/** A whole number, given as one or as text. */
export const integer = entered(
  z
    .union([z.number(), z.string().regex(/^[+-]?(0[xX][0-9a-fA-F]+|[0-9]+)$/, notAnInteger)], notAnInteger)
    .transform(Number)
    .refine(Number.isSafeInteger, notAnInteger),
  "integer",
);

/**
 * Members numbered from 0, as a list or as an object with these numbers as keys, which option lists make. `takesOne`: a
 * single member may stand alone, without a number.
 */
export function listOf<S extends z.ZodType>(member: S, message: string, { takesOne = false } = {}) {
  const alone = (given: unknown) =>
    takesOne && typeof given === "object" && given !== null && !Array.isArray(given) ? [given] : given;
  return entered(
    z.preprocess((given) => listed(given) ?? alone(given), z.array(member, message)),
    "list",
  );
}

/** undefined when the keys are not 0, 1, 2, ... */
function listed(given: unknown): unknown[] | undefined {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return undefined;
  const keys = Object.keys(given);
  const members = keys.map((_, index) => (given as Record<string, unknown>)[String(index)]);
  return members.every((one) => one !== undefined) ? members : undefined;
}
