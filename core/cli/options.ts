// Options in getopt's style, parsed strictly: -q, clusters (-pq), -fqed, -f qed, --output=json, --output json,
// options after operands, and `--` before operands that begin with a dash. Long names are never abbreviated.
import { UsageError } from "./command.ts";

export interface OptionSpec {
  readonly short?: string;
  readonly long?: string;
  /** Takes a value. */
  readonly value?: true;
}
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

export interface Parsed<O extends OptionSpecs = OptionSpecs> {
  /** The value given last; undefined if the option is absent. */
  value(name: keyof O): string | undefined;
  has(name: keyof O): boolean;
  readonly help: boolean;
  readonly operands: readonly string[];
}

const helpSpec: OptionSpec = { short: "h", long: "help" };

/** Throws UsageError in the words of qemu-img. Every command has --help, which ends the parsing. */
export function parseOptions<O extends OptionSpecs>(args: readonly string[], specs: O): Parsed<O> {
  const given = new Map<string, string>();
  const operands: string[] = [];
  const all = Object.entries<OptionSpec>({ ...specs, help: helpSpec });
  let i = 0;

  /** Takes the option's value from what is attached to it or from the next argument. */
  function take(entry: [string, OptionSpec], shown: string, attached: string | undefined): void {
    const [name, spec] = entry;
    if (spec.value === undefined) {
      given.set(name, "");
      return;
    }
    const value = attached ?? args[i++];
    if (value === undefined) throw new UsageError(`missing argument for option '${shown}'`);
    given.set(name, value);
  }

  function takeLong(argument: string): void {
    const equals = argument.indexOf("=");
    const long = equals === -1 ? argument.slice(2) : argument.slice(2, equals);
    const entry = all.find(([, spec]) => spec.long === long);
    const attached = equals === -1 ? undefined : argument.slice(equals + 1);
    if (entry === undefined || (attached !== undefined && entry[1].value === undefined)) {
      throw new UsageError(`unrecognized option '${argument}'`);
    }
    take(entry, `--${long}`, attached);
  }

  function takeCluster(argument: string): void {
    const letters = [...argument.slice(1)];
    while (letters.length > 0) {
      const letter = letters.shift();
      const entry = all.find(([, spec]) => spec.short === letter);
      if (entry === undefined) throw new UsageError(`unrecognized option '-${letter}'`);
      const takesRest = entry[1].value !== undefined && letters.length > 0;
      take(entry, `-${letter}`, takesRest ? letters.splice(0).join("") : undefined);
    }
  }

  while (i < args.length && !given.has("help")) {
    const argument = args[i++] as string;
    if (argument === "--") {
      operands.push(...args.slice(i));
      break;
    }
    if (argument.startsWith("--")) takeLong(argument);
    else if (argument.startsWith("-") && argument !== "-") takeCluster(argument);
    else operands.push(argument);
  }
  return {
    value: (name) => given.get(String(name)),
    has: (name) => given.has(String(name)),
    help: given.has("help"),
    operands,
  };
}
