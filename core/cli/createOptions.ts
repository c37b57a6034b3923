// What a new image is to be like, from -o, -b, -F and SIZE: for `create`, `convert` and `measure`. Rules, their order and
// messages are those of qemu-img (cli reference, 2.5).
import type { CreateOption, CreateRequest, Creation } from "../block/driver.ts";
import { creationOf, targetPath } from "../ops/create.ts";
import { fileCreateOptions } from "../protocol/fileOptions.ts";
import { CliError } from "./command.ts";
import { type NamedValue, type OptionValue, typedOptions } from "./optionList.ts";
import { wordsOf } from "./output.ts";

/** Every -o option of a format, in the order in which `Formatting` shows them. `file`: those of the file as well. */
export function createOptionTable(creation: Creation, file: boolean): readonly CreateOption[] {
  const own = creation.options;
  if (!file) return own;
  // A format's own option of that name comes before the file's.
  return [...own, ...fileCreateOptions.filter(({ name }) => !own.some((option) => option.name === name))];
}

/** As given and with defaults, before the size is known. */
export interface CreateDraft {
  readonly creation: Creation;
  readonly table: readonly CreateOption[];
  readonly size: number | undefined;
  readonly backingFile: string | undefined;
  readonly backingFormat: string | undefined;
  /** The format's and the file's. */
  readonly options: Readonly<Record<string, OptionValue>>;
}

export interface DraftRequest {
  readonly given: readonly NamedValue[];
  /** SIZE, -b and -F. */
  readonly size?: number | undefined;
  readonly backingFile?: string | undefined;
  readonly backingFormat?: string | undefined;
  /** What messages begin with. Default: the target's name and a colon. */
  readonly prefix?: string;
}

/** Throws CliError, its message beginning with the prefix. */
export function draftCreation(target: string, format: string, request: DraftRequest): CreateDraft {
  const { prefix = `${target}: ` } = request;
  const creation = named(prefix, () => creationOf(format));
  named(prefix, () => targetPath(target));
  const table = createOptionTable(creation, true);
  const values = typedOptions(request.given, table, prefix);
  const size = values.get("size") as number | undefined;
  if (size !== undefined && request.size !== undefined) {
    throw new CliError(`${prefix}The image size must be specified only once`, 1);
  }
  const refuse = (what: string) => {
    throw new CliError(`${prefix}${what} not supported for file format '${format}'`, 1);
  };
  if (request.backingFile !== undefined && !creation.supportsBacking) refuse("Backing file");
  if (request.backingFormat !== undefined && !creation.supportsBacking) refuse("Backing file format");
  const backingFile = request.backingFile ?? (values.get("backing_file") as string | undefined);
  return {
    creation,
    table,
    // The peer reads the largest number as none.
    size: request.size ?? (size === 2 ** 64 ? undefined : size),
    backingFile,
    backingFormat: request.backingFormat ?? (values.get("backing_fmt") as string | undefined),
    options: presetOptions(table, values),
  };
}

/** The format's and the file's options, with defaults. */
export function presetOptions(
  table: readonly CreateOption[],
  values: ReadonlyMap<string, OptionValue>,
): Readonly<Record<string, OptionValue>> {
  const options: Record<string, OptionValue> = {};
  for (const { name, default: preset } of table) {
    const value = values.get(name) ?? preset;
    if (value !== undefined && !generalNames.includes(name)) options[name] = value;
  }
  return options;
}

const generalNames = ["size", "backing_file", "backing_fmt"];

/** The request once the size is known, bytes. */
export function requestOf(draft: CreateDraft, size: number): CreateRequest {
  const { backingFile: filename, backingFormat: format, options } = draft;
  if (filename === undefined) {
    return { size, options: { ...options, ...(format !== undefined && { backing_fmt: format }) } };
  }
  return { size, backing: { filename, ...(format !== undefined && { format }) }, options };
}

/** "fmt=qed size=1048576 backing_file=base backing_fmt=qed cluster_size=65536"; commas in values are doubled. */
export function formattingLine(target: string, format: string, draft: CreateDraft, size: number): string {
  const shown: Readonly<Record<string, OptionValue | undefined>> = {
    ...draft.options,
    size,
    backing_file: draft.backingFile,
    backing_fmt: draft.backingFormat,
  };
  const parts = draft.table.flatMap(({ name }) => {
    const value = shown[name];
    return value === undefined ? [] : [` ${name}=${textOf(value)}`];
  });
  return `Formatting '${target}', fmt=${format}${parts.join("")}`;
}

function textOf(value: OptionValue): string {
  if (typeof value === "boolean") return value ? "on" : "off";
  // Sizes near 2^64 are not exact; BigInt writes them without an exponent.
  return typeof value === "number" ? String(BigInt(value)) : value.replaceAll(",", ",,");
}

/** Errors of `body` with the target's name before the message. */
function named<T>(prefix: string, body: () => T): T {
  try {
    return body();
  } catch (thrown) {
    throw withPrefix(prefix, thrown);
  }
}

/** Any error as one of this command, its message after `prefix`. */
export function withPrefix(prefix: string, thrown: unknown): CliError {
  if (thrown instanceof CliError) return thrown;
  const { message, hint } = wordsOf(thrown);
  return new CliError(`${prefix}${message}`, 1, hint, {
    cause: thrown,
    ...(hint !== undefined && { peerHint: hint }),
  });
}
