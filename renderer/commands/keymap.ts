// The command table as chords for this platform: which commands a key press means, and what a command's key is.
import { type CommandId, type CommandSpec, commandTable } from "../../electron/commandTable.ts";
import { type Chord, type KeyPress, matches, type Platform, parseChord, showChord } from "./keys.ts";

export interface Binding {
  readonly id: CommandId;
  readonly chord: Chord;
  readonly context: CommandSpec["context"];
}

/** Chords of a command on this platform, the shown one first. */
export function chordsOf(spec: CommandSpec, platform: Platform): readonly Chord[] {
  const keys = (platform === "darwin" ? spec.macKeys : undefined) ?? spec.keys ?? [];
  return keys.map((key) => parseChord(key, platform));
}

export function bindingsFor(platform: Platform): readonly Binding[] {
  return commandTable.flatMap((spec: CommandSpec & { id: CommandId }) =>
    chordsOf(spec, platform).map((chord) => ({ id: spec.id, chord, context: spec.context })),
  );
}

/**
 * The bindings a key press means, where `inGrid` says whether a grid or list has the focus and `after` which letter was
 * pressed before it as the beginning of a sequence.
 */
export function bindingsOf(
  press: KeyPress,
  bindings: readonly Binding[],
  inGrid: boolean,
  after?: string,
): readonly Binding[] {
  return bindings.filter(
    ({ chord, context }) => (context !== "grid" || inGrid) && chord.after === after && matches(press, chord),
  );
}

/** The letter with which a sequence begins, if the key press is one. */
export function prefixOf(press: KeyPress, bindings: readonly Binding[], inGrid: boolean): string | undefined {
  return bindings
    .flatMap(({ chord: { after }, context }) => (context !== "grid" || inGrid ? (after ?? []) : []))
    .find((key) => matches(press, { key, ctrl: false, alt: false, shift: false, meta: false }));
}

/** Pairs of commands that answer to the same chord: there must be none. */
export function conflicts(bindings: readonly Binding[]): readonly (readonly [CommandId, CommandId])[] {
  const seen = new Map<string, CommandId>();
  const found: [CommandId, CommandId][] = [];
  for (const { id, chord } of bindings) {
    const name = JSON.stringify(chord);
    const other = seen.get(name);
    if (other !== undefined) found.push([other, id]);
    seen.set(name, id);
  }
  return found;
}

/** How a command's first key is shown; undefined when it has none. */
export function keyLabel(id: CommandId, platform: Platform): string | undefined {
  const spec: CommandSpec | undefined = commandTable.find((command) => command.id === id);
  const [chord] = spec ? chordsOf(spec, platform) : [];
  return chord && showChord(chord, platform);
}

/** What a command does, and its keys as they are shown. */
export type KeyRow = readonly [label: string, keys: readonly string[]];

/** Groups of commands as the dialog of keys lists them. */
const groups = [
  { title: "Files and tabs", prefix: "file." },
  { title: "View", prefix: "view." },
  { title: "Move", prefix: "go." },
  { title: "Compare", prefix: "compare." },
  { title: "Map", prefix: "map." },
  { title: "Timeline", prefix: "timeline." },
  { title: "Select and copy", prefix: "edit." },
  { title: "Help", prefix: "help." },
] as const;

/** All commands that have keys; two commands of one name (a letter and a function key) share a row. */
export function keyGroups(
  platform: Platform,
): readonly { readonly title: string; readonly rows: readonly KeyRow[] }[] {
  return groups.map(({ title, prefix }) => {
    const rows = new Map<string, string[]>();
    for (const spec of commandTable as readonly CommandSpec[]) {
      const keys = chordsOf(spec, platform).map((chord) => showChord(chord, platform));
      if (!spec.id.startsWith(prefix) || keys.length === 0) continue;
      rows.set(spec.label, [...(rows.get(spec.label) ?? []), ...keys]);
    }
    return { title, rows: [...rows] };
  });
}
