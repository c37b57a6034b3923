// A driver's options as plain data, from the schema that parses them: what a form needs to ask for them. zod's own
// types say what an enumeration or a default is, the registry of options.ts what the shared pieces stand for.
import * as z from "zod";
import { optionInputs } from "./options.ts";

export type OptionKind =
  | { readonly kind: "text" }
  /** The name of a file. */
  | { readonly kind: "file" }
  /** Bytes, with or without a suffix. */
  | { readonly kind: "size" }
  | { readonly kind: "integer" }
  | { readonly kind: "switch" }
  | { readonly kind: "choice"; readonly values: readonly string[] }
  /** A node with a driver and options of its own. */
  | { readonly kind: "child" }
  | { readonly kind: "list"; readonly member: OptionKind }
  | { readonly kind: "group"; readonly fields: readonly OptionField[] };

export type OptionField = OptionKind & {
  readonly name: string;
  readonly required: boolean;
  readonly default?: string | number | boolean;
  /** One sentence. */
  readonly help?: string;
};

/** The options of a schema in its order, without `driver` and without what a person cannot type. */
export function describeOptions(schema: z.ZodType): readonly OptionField[] {
  if (!(schema instanceof z.ZodObject)) return [];
  return Object.entries(schema.shape as Record<string, z.ZodType>).flatMap(([name, option]) =>
    name === "driver" ? [] : fieldOf(name, option),
  );
}

function fieldOf(name: string, option: z.ZodType): OptionField[] {
  let schema = option;
  let required = true;
  let given: unknown;
  let help = option.description;
  for (;;) {
    help ??= schema.description;
    if (schema instanceof z.ZodDefault) given = schema.def.defaultValue;
    if (
      !(schema instanceof z.ZodDefault || schema instanceof z.ZodOptional || schema instanceof z.ZodNullable)
    ) {
      break;
    }
    required = false;
    schema = schema.unwrap() as z.ZodType;
  }
  const kind = kindOf(schema);
  if (kind === undefined) return [];
  const isPlain = typeof given === "string" || typeof given === "number" || typeof given === "boolean";
  return [
    {
      ...kind,
      name,
      required,
      ...(isPlain && { default: given as string | number | boolean }),
      ...(help !== undefined && { help }),
    },
  ];
}

function kindOf(schema: z.ZodType): OptionKind | undefined {
  const input = optionInputs.get(schema)?.input;
  if (input === "list") return listKind(schema);
  if (input !== undefined) return { kind: input };
  if (schema instanceof z.ZodEnum) return { kind: "choice", values: schema.options.map(String) };
  // z.preprocess: a group of which a text says the usual part.
  const isGroupByText = schema instanceof z.ZodPipe && schema.def.in instanceof z.ZodTransform;
  if (isGroupByText && schema.def.out instanceof z.ZodObject) return { kind: "text" };
  if (schema instanceof z.ZodObject) return { kind: "group", fields: describeOptions(schema) };
  if (schema instanceof z.ZodString) return { kind: "text" };
  if (schema instanceof z.ZodNumber) return { kind: "integer" };
  return undefined;
}

/** A list is an array behind the step that takes an object with numbers as keys for one. */
function listKind(schema: z.ZodType): OptionKind | undefined {
  const array = schema instanceof z.ZodPipe ? schema.def.out : schema;
  if (!(array instanceof z.ZodArray)) return undefined;
  const member = kindOf(array.element as z.ZodType);
  return member && { kind: "list", member };
}
