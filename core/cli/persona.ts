// Which program this is. Reached through a link named qemu-img or qemu-io, or with BLKSCOPE_AS set to one of them,
// it is that program: its sub-commands, its messages, its exit codes, and nothing of our own.
import * as path from "node:path";

export type Persona = "blkscope" | "qemu-img" | "qemu-io";

function find(): Persona {
  const asked = process.env.BLKSCOPE_AS ?? path.basename(process.argv[1] ?? "", ".js");
  return asked === "qemu-img" || asked === "qemu-io" ? asked : "blkscope";
}

/** The name that error messages begin with. */
export const persona: Persona = find();

/** True when a script believes it runs a program of the peer: no hints, no options and no words of ours. */
export const inPlaceOfPeer = persona !== "blkscope";

/** How a person calls a command: "blkscope compare", "qemu-img compare", "blkscope io", "qemu-io". */
export function calledAs(command: string): string {
  if (persona === "qemu-io") return persona;
  return `${persona} ${command}`;
}
