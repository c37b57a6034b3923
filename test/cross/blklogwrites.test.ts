// Logs of ours and of qemu-io: byte for byte the same for the same requests, and each goes on where the other ended.
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import { openGraph } from "../../core/graph.ts";
import { readLog, replay } from "../build/logReader.ts";
import { filled } from "../build/open.ts";
import { lacksPeer, run } from "../build/peers.ts";
import { tempDir } from "../build/temp.ts";

const size = 1024 * 1024;

function files(): { data: string; log: string } {
  const folder = tempDir();
  const [data, log] = [path.join(folder, "data"), path.join(folder, "log")];
  fs.writeFileSync(data, new Uint8Array(size));
  fs.writeFileSync(log, new Uint8Array(0));
  return { data, log };
}

function peer({ data, log }: { data: string; log: string }, options: string, ...commands: string[]): void {
  const image = `driver=blklogwrites,file.driver=file,file.filename=${data},log.driver=file,log.filename=${log}${options}`;
  run("qemu-io", "-t", "writeback", "--image-opts", image, ...commands.flatMap((command) => ["-c", command]));
}

type Requests = (node: Awaited<ReturnType<typeof openGraph>>["root"]) => Promise<void>;

async function ours(
  { data, log }: { data: string; log: string },
  options: object,
  requests: Requests,
): Promise<void> {
  const graph = await openGraph(
    {
      driver: "blklogwrites",
      file: { driver: "file", filename: data },
      log: { driver: "file", filename: log },
      ...options,
    },
    { readOnly: false },
  );
  await requests(graph.root);
  await graph.close();
}

// Without a durable write: the peer leaves out the flush behind the first one after a flush (its counter of writes is
// moved on too late), which would be a durable write that the log does not know as one. Ours has it.
const script = [
  "write -P 1 0 4k",
  "write -P 2 700 10",
  "flush",
  "flush",
  "write -z 8k 4k",
  "discard 16k 4k",
  "write -P 3 20k 100k",
  "flush",
  "write -P 5 1048064 512",
];

const requests: Requests = async (node) => {
  await node.write(0, filled(4096, 1));
  await node.write(700, filled(10, 2));
  await node.flush();
  await node.flush();
  await node.writeZeroes(8192, 4096);
  await node.discard(16_384, 4096);
  await node.write(20_480, filled(102_400, 3));
  await node.flush();
  await node.write(1_048_064, filled(512, 5));
};

describe.skipIf(lacksPeer("qemu-io"))("logs of writes", () => {
  it.each([512, 4096])("with sectors of %i bytes are the same bytes as qemu-io's", async (sectorSize) => {
    const [own, other] = [files(), files()];
    await ours(own, { "log-sector-size": sectorSize }, requests);
    peer(other, `,log-sector-size=${sectorSize}`, ...script);
    const [a, b] = [fs.readFileSync(own.log), fs.readFileSync(other.log)];
    expect(readLog(a).entries.map(({ payload: _, ...entry }) => entry)).toEqual(
      readLog(b).entries.map(({ payload: _, ...entry }) => entry),
    );
    expect(Buffer.compare(a, b)).toBe(0);
    expect(Buffer.compare(fs.readFileSync(own.data), fs.readFileSync(other.data))).toBe(0);
    expect(Buffer.compare(replay(readLog(a), size), fs.readFileSync(own.data))).toBe(0);
  });

  it("are continued by qemu-io", async () => {
    const both = files();
    await ours(both, {}, requests);
    const before = readLog(fs.readFileSync(both.log)).entries.length;
    peer(both, ",log-append=on", "write -P 9 64k 4k");
    const { entries } = readLog(fs.readFileSync(both.log));
    expect(entries.slice(before)).toMatchObject([{ sector: 128, sectorCount: 8, flags: 0 }, { flags: 1 }]);
  });

  it("of qemu-io are continued by us", async () => {
    const both = files();
    peer(both, "", ...script);
    const before = readLog(fs.readFileSync(both.log)).entries.length;
    await ours(both, { "log-append": true }, (node) => node.write(65_536, filled(4096, 9)));
    const { entries } = readLog(fs.readFileSync(both.log));
    expect(entries.slice(before)).toMatchObject([{ sector: 128, sectorCount: 8, flags: 0 }, { flags: 1 }]);
    expect(Buffer.compare(replay(readLog(fs.readFileSync(both.log)), size), fs.readFileSync(both.data))).toBe(
      0,
    );
  });
});
