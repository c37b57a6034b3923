// The lists of -o: "cluster_size=4k,table_size=2", given once or several times, a comma in a value doubled. What an
// option is and which type it has say tables of core/block/driver.ts; messages are those of qemu-img.
import type { CreateOption } from "../block/driver.ts";
import { CliError } from "./command.ts";
import { exactSize } from "./sizeArgument.ts";

export type OptionValue = string | number | boolean;

export interface NamedValue {
  readonly name: string;
  /** undefined: the name alone was given, which means on. */
  readonly value: string | undefined;
}

/** All lists together. Throws CliError for one that is empty or has a comma too many at an end. */
export function splitOptionLists(lists: readonly string[]): NamedValue[] {
  return lists.flatMap((list) => {
    const end = /,*$/.exec(list)?.[0].length ?? 0;
    if (list === "" || list.startsWith(",") || end % 2 === 1) {
      throw new CliError(`Invalid option list: ${list}`, 1, "Write options as name=value,name=value.");
    }
    return splitList(list);
  });
}

function splitList(list: string): NamedValue[] {
  // Runs of anything but a comma, or of doubled commas, parted by single ones.
  const items = list.match(/(?:[^,]|,,)+/g) ?? [];
  return items.map((item) => {
    const equals = item.indexOf("=");
    if (equals === -1) return { name: item.replaceAll(",,", ","), value: undefined };
    return { name: item.slice(0, equals), value: item.slice(equals + 1).replaceAll(",,", ",") };
  });
}

/** True when the list of options is asked for: `-o help`. */
export function asksForHelp(given: readonly NamedValue[]): boolean {
  return given.some(({ name, value }) => value === undefined && (name === "help" || name === "?"));
}

/**
 * The values by name, of their types; of two values for one name the last counts. `prefix` goes before messages: the
 * image's name and a colon.
 */
export function typedOptions(
  given: readonly NamedValue[],
  table: readonly CreateOption[],
  prefix: string,
): Map<string, OptionValue> {
  const values = new Map<string, OptionValue>();
  for (const one of given) {
    const { name, value } = spelledOut(one);
    const option = table.find((known) => known.name === name);
    if (option === undefined) {
      const names = table.map((known) => known.name).join(", ");
      throw new CliError(`${prefix}Invalid parameter '${name}'`, 1, `Options: ${names}.`);
    }
    values.set(name, typed(option, value, prefix));
  }
  return values;
}

/** "name" alone is name=on, "noname" is name=off. */
function spelledOut({ name, value }: NamedValue): { name: string; value: string } {
  if (value !== undefined) return { name, value };
  return name.startsWith("no") ? { name: name.slice(2), value: "off" } : { name, value: "on" };
}

function typed({ name, type }: CreateOption, value: string, prefix: string): OptionValue {
  switch (type) {
    case "str":
      return value;
    case "bool":
      if (value === "on" || value === "off") return value === "on";
      throw new CliError(`${prefix}Parameter '${name}' expects 'on' or 'off'`, 1);
    case "num":
      if (/^(0[xX][0-9a-fA-F]+|[0-9]+)$/.test(value)) return Number(value);
      throw new CliError(`${prefix}Parameter '${name}' expects a number`, 1);
    case "size":
      return sizeValue(name, value, prefix);
  }
}

const mostBytes = 2n ** 64n - 1n;

/** Bytes. Above 2^53 - 1 they are only near: enough to be refused as too large. */
export function sizeValue(name: string, value: string, prefix: string): number {
  const size = exactSize(value);
  if (size === undefined) {
    const peerHint = `Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-
and exabytes, respectively.`;
    const message = `${prefix}Parameter '${name}' expects a non-negative number below 2^64`;
    throw new CliError(message, 1, peerHint, { peerHint });
  }
  if (size > mostBytes) {
    throw new CliError(`${prefix}Value '${value}' is out of range for parameter '${name}'`, 1);
  }
  return Number(size);
}

/** The options as `-o help` lists them, in the order of their names. */
export function optionHelp(table: readonly CreateOption[]): string {
  const types = { size: "size", bool: "bool (on/off)", str: "str", num: "num" } as const;
  const sorted = [...table].sort((a, b) => (a.name < b.name ? -1 : 1));
  return sorted
    .map(({ name, type, help }) => `${`  ${name}=<${types[type]}>`.padEnd(24)} - ${help}`)
    .join("\n");
}
