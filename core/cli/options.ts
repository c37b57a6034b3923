// Options in getopt's style: -q, clusters (-pq), -fqed, -f qed, --output=json, --output json, options after operands,
// and `--` before operands that begin with a dash. A long name may be cut short while it stays unambiguous.
// The same table is what --help and the manual are made of.
import { UsageError } from "./command.ts";
import { inPlaceOfPeer } from "./persona.ts";

export interface OptionSpec {
  readonly short?: string;
  readonly long?: string;
  /** Further spellings of the long name, not shown: those of other releases of the peer. */
  readonly also?: readonly string[];
  /** Takes a value; the word that stands for it in the help. */
  readonly value?: string;
  /** One or two sentences, without a full stop at the end. */
  readonly help: string;
  /** Not an option of the peer: the program that takes its place does not know it. */
  readonly own?: true;
}
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

export interface Given<O extends OptionSpecs = OptionSpecs> {
  readonly name: keyof O & string;
  /** Empty for an option that takes none. */
  readonly value: string;
}

export interface Parsed<O extends OptionSpecs = OptionSpecs> {
  /** The value given last; undefined if the option is absent. */
  value(name: keyof O): string | undefined;
  /** Every value given, in order. */
  values(name: keyof O): readonly string[];
  has(name: keyof O): boolean;
  /** Every option in the order given, for commands in which the order counts. */
  readonly given: readonly Given<O>[];
  readonly help: boolean;
  readonly operands: readonly string[];
}

export const helpSpec: OptionSpec = { short: "h", long: "help", help: "show this text" };

type Entry = [name: string, spec: OptionSpec];

/** Throws UsageError in the words of qemu-img. Every command has --help, which ends the parsing. */
export function parseOptions<O extends OptionSpecs>(args: readonly string[], specs: O): Parsed<O> {
  const given: Given<O>[] = [];
  const operands: string[] = [];
  const known = Object.entries<OptionSpec>({ ...specs, help: helpSpec });
  const all = known.filter(([, spec]) => spec.own === undefined || !inPlaceOfPeer);
  let i = 0;

  /** Takes the option's value from what is attached to it or from the next argument. */
  function take([name, spec]: Entry, shown: string, attached: string | undefined): void {
    const value = spec.value === undefined ? "" : (attached ?? args[i++]);
    if (value === undefined) throw new UsageError(`missing argument for option '${shown}'`);
    given.push({ name, value });
  }

  function takeLong(argument: string): void {
    const equals = argument.indexOf("=");
    const long = equals === -1 ? argument.slice(2) : argument.slice(2, equals);
    const entry = longNamed(all, long);
    const attached = equals === -1 ? undefined : argument.slice(equals + 1);
    if (entry === undefined || (attached !== undefined && entry[1].value === undefined)) {
      throw new UsageError(`unrecognized option '${argument}'`);
    }
    take(entry, argument, attached);
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

  const has = (name: keyof O) => given.some((option) => option.name === name);
  while (i < args.length && !has("help")) {
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
    value: (name) => given.findLast((option) => option.name === name)?.value,
    values: (name) => given.filter((option) => option.name === name).map(({ value }) => value),
    has,
    given,
    help: has("help"),
    operands,
  };
}

/** The option of that long name, or the only one whose name begins so. */
function longNamed(all: readonly Entry[], long: string): Entry | undefined {
  const named = ([, spec]: Entry) => spec.long === long || spec.also?.includes(long) === true;
  const exact = all.find(named);
  if (exact !== undefined || long === "") return exact;
  const begun = all.filter(([, spec]) => spec.long?.startsWith(long));
  return begun.length === 1 ? begun[0] : undefined;
}
