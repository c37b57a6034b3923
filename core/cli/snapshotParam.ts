// The internal snapshot that -l names. No format here has any; its name is checked before the image says so.
import { CliError } from "./command.ts";
import { printError } from "./output.ts";

/** "snapshot.id=ID,snapshot.name=NAME"; anything else is an id or a name. Throws CliError. */
export function refuseMisnamedSnapshot(snapshot: string | undefined): void {
  const names = snapshot?.startsWith("snapshot.")
    ? snapshot.split(",").map((part) => part.split("=")[0])
    : [];
  const odd = names.find((name) => name !== "snapshot.id" && name !== "snapshot.name");
  if (odd === undefined) return;
  printError({ message: `Invalid parameter '${odd}'` });
  throw new CliError(`Failed in parsing snapshot param '${snapshot}'`, 1);
}
