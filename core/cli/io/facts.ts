// map, alloc, length, info, truncate: what the image is, not what it holds.
import type { Preallocation } from "../../block/node.ts";
import { isProtocolName } from "../../spec.ts";
import { factLines } from "../facts.ts";
import { factsOf, reportsFacts } from "../nodeFacts.ts";
import { stdout } from "../output.ts";
import { inPlaceOfPeer } from "../persona.ts";
import type { IoCommand } from "./command.ts";
import { CommandFailure, CommandMisuse } from "./failure.ts";
import { getopt } from "./getopt.ts";
import { sizeNumber } from "./number.ts";
import { sizeText } from "./report.ts";
import { attempt } from "./request.ts";

export const map: IoCommand = {
  name: "map",
  args: "",
  oneline: "prints the allocated areas of a file",
  async run({ image, signal }) {
    const end = image.length;
    let run = { start: 0, allocated: false };
    const print = (to: number) => {
      if (to === run.start) return;
      const state = run.allocated ? "    allocated" : "not allocated";
      const size = `${sizeText(to - run.start)} (0x${(to - run.start).toString(16)})`;
      stdout.line(`${size} bytes ${state} at offset ${sizeText(run.start)} (0x${run.start.toString(16)})`);
    };
    for (let at = 0; at < end && !signal.aborted; ) {
      const found = await image.allocatedAt(at, end - at).catch((error: unknown) => {
        throw new CommandFailure("report", "Failed to get allocation status", { cause: error });
      });
      if (found.length === 0) throw new CommandFailure("report", "Unexpected end of image");
      if (found.allocated !== run.allocated) {
        print(at);
        run = { start: at, allocated: found.allocated };
      }
      at += found.length;
      if (at >= end) print(at);
    }
  },
};

const sector = 512;

export const alloc: IoCommand = {
  name: "alloc",
  alias: "a",
  args: "offset [count]",
  oneline: "checks if offset is allocated in the file",
  min: 1,
  max: 2,
  async run({ image }, [from = "", much]) {
    const start = sizeNumber(from);
    const count = much === undefined ? sector : sizeNumber(much);
    let allocated = 0;
    let at = start;
    while (at < start + count) {
      const found = await attempt("is_allocated", () => image.allocatedAt(at, start + count - at));
      if (found.length === 0) break;
      if (found.allocated) allocated += found.length;
      at += found.length;
    }
    stdout.line(`${allocated}/${at - start} bytes allocated at offset ${sizeText(start)}`);
  },
};

export const length: IoCommand = {
  name: "length",
  alias: "l",
  oneline: "gets the length of the current file",
  async run({ image }) {
    stdout.line(sizeText(image.length));
  },
};

export const info: IoCommand = {
  name: "info",
  alias: "i",
  oneline: "prints information about the current file",
  async run({ image }) {
    const { driver } = image.format;
    const info = factsOf(image.format);
    stdout.line(`format name: ${driver}`);
    // What a name's prefix can ask for is listed under both of its names, which are the same.
    if (isProtocolName(driver)) stdout.line(`format name: ${driver}`);
    // The peer fails here without a word.
    if (inPlaceOfPeer && !reportsFacts(image.format)) throw new CommandFailure("none", "");
    stdout.line(`cluster size: ${sizeText(info.clusterSize ?? 0)}`);
    stdout.line(`vm state offset: ${sizeText(info.vmStateOffset ?? 0)}`);
    const facts = info.specific ?? {};
    // The peer has some for this format alone.
    if (Object.keys(facts).length === 0 || (inPlaceOfPeer && driver !== "qcow2")) return;
    stdout.line("Format specific information:");
    for (const line of factLines(facts)) stdout.line(line);
  },
};

const preallocations: readonly string[] = ["off", "metadata", "falloc", "full"];

export const truncate: IoCommand = {
  name: "truncate",
  alias: "t",
  args: "[-m prealloc_mode] off",
  oneline: "truncates the current file at the given offset",
  min: 1,
  max: 3,
  writes: true,
  async run(session, args) {
    const options = getopt("truncate", args, "m:", (_, mode) => {
      if (preallocations.includes(mode)) return;
      throw new CommandFailure("report", `Invalid preallocation mode '${mode}'`);
    });
    const [to] = options.operands;
    if (to === undefined) throw new CommandMisuse();
    // Listed above.
    const preallocation = (options.value("m") ?? "off") as Preallocation;
    await session.image.resize(sizeNumber(to), { preallocation });
  },
};
