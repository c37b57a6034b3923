// The option --object, which nearly every command has and hardly anyone gives: what it does is loaded only then.
import type { Objects } from "./objects.ts";
import type { OptionSpec } from "./options.ts";

export const objectOption = {
  long: "object",
  value: "OBJECT",
  help: "defines a secret: secret,id=ID,data=TEXT or secret,id=ID,file=NAME; may be given several times",
} as const satisfies OptionSpec;

/** Defines what every --object of a command says. Throws CliError in the peer's words with that exit code. */
export async function takeObjects(given: readonly string[], exitCode = 1): Promise<Objects> {
  if (given.length === 0) return { helped: false, secrets: new Map() };
  return (await import("./objects.ts")).defineObjects(given, exitCode);
}
