// qcow2 images with a seeded history by the stock programs, and seeded damage of their tables: for what judges our check
// and our repair beside theirs.
import * as fs from "node:fs";
import type { Cli } from "../core/cli/support.ts";
import type { Random } from "./random.ts";

const offsetMask = 0x00fffffffffffe00n;
export const chance = (random: Random, percent: number) => random.below(100) < percent;

function made(cli: Cli, ...args: string[]): void {
  const { code, stderr } = cli.qemuImg(...args);
  if (code !== 0) throw new Error(`qemu-img ${args.join(" ")}: ${stderr}`);
}

/** An image with a history made by the stock programs, in the folder of `cli`; answers its cluster size. */
export function seededImage(cli: Cli, name: string, random: Random): number {
  fs.rmSync(cli.path(name), { force: true });
  const isTwo = chance(random, 20);
  const extended = !isTwo && chance(random, 25);
  const outside = !isTwo && chance(random, 12);
  const cluster = 2 ** random.pick(extended ? [14, 16] : [9, 10, 12, 16]);
  const options = [
    `cluster_size=${cluster}`,
    isTwo ? "compat=0.10" : `refcount_bits=${random.pick([1, 2, 4, 8, 16, 16, 32, 64])}`,
    ...(extended ? ["extended_l2=on"] : []),
    ...(outside ? ["data_file=outside.raw"] : []),
  ];
  const clusters = random.pick([70, 200, 300]);
  made(cli, "create", "-q", "-f", "qcow2", "-o", options.join(","), name, `${clusters * cluster}`);
  const write = (count: number) => {
    const commands = Array.from({ length: count }, () => {
      const start = random.below(clusters);
      const range = `${start * cluster} ${(1 + random.below(Math.min(6, clusters - start))) * cluster}`;
      const kind = random.below(10);
      if (kind < 2) return `write -z ${range}`;
      if (kind === 2) return `discard ${range}`;
      if (kind < 5 && !outside) return `write -c -P ${random.below(256)} ${start * cluster} ${cluster}`;
      if (kind < 7 && extended) return `write ${start * cluster + (cluster / 32) * 5} ${cluster / 32}`;
      return `write -P ${1 + random.below(255)} ${range}`;
    });
    cli.qemuIo("-f", "qcow2", ...commands.flatMap((command) => ["-c", command]), name);
  };
  write(8);
  for (let i = 0; !outside && i < random.below(4); i++) {
    // Refcounts of 1 bit allow none.
    cli.qemuImg("snapshot", "-c", `s${i}`, name);
    write(3);
  }
  if (!isTwo && chance(random, 30)) {
    cli.qemuImg("bitmap", "--add", "-g", "4k", name, "b");
    write(2);
  }
  return cluster;
}

/** Bytes of a file changed in place. */
export class Patch {
  readonly bytes: Buffer;
  readonly #path: string;
  constructor(path: string) {
    this.#path = path;
    this.bytes = fs.readFileSync(path);
  }
  get(at: number): bigint {
    return at + 8 <= this.bytes.length ? this.bytes.readBigUInt64BE(at) : 0n;
  }
  put(at: number, value: bigint): void {
    if (at + 8 <= this.bytes.length) this.bytes.writeBigUInt64BE(BigInt.asUintN(64, value), at);
  }
  save(length = this.bytes.length): void {
    fs.writeFileSync(this.#path, this.bytes);
    fs.truncateSync(this.#path, length);
  }
}

/** Breaks up to five things in the image's tables, or cuts it off. */
export function damage(path: string, cluster: number, random: Random): void {
  const patch = new Patch(path);
  const { bytes } = patch;
  const l1 = Number(patch.get(40));
  const l1Entries = bytes.readUInt32BE(36);
  const l2 = Array.from({ length: l1Entries }, (_, index) =>
    Number(patch.get(l1 + index * 8) & offsetMask),
  ).filter((offset) => offset > 0 && offset < bytes.length);
  const entryLength = bytes.readUInt32BE(4) === 3 && (patch.get(72) & 16n) !== 0n ? 16 : 8;
  let length = bytes.length;
  const place = () => BigInt(random.below(Math.ceil(bytes.length / cluster) + 2) * cluster);
  const word = () => Buffer.from(random.bytes(8)).readBigUInt64BE();
  const wrong = () =>
    random.pick([
      place(),
      place() + 512n,
      place() | (1n << 63n),
      (place() + 512n) | 1n,
      (1n << 40n) | (1n << 63n),
      place() | 2n,
      (1n << 62n) | place(),
      (1n << 62n) | (word() >> 2n),
      (3n << 62n) | place(),
      word(),
      0n,
      1n,
      1n << 63n,
    ]);
  for (let i = random.below(6); i > 0; i--) {
    const kind = random.below(12);
    if (kind < 5 && l2.length > 0) {
      const at = random.pick(l2) + random.below(Math.min(cluster / entryLength, 200)) * entryLength;
      const flipped = patch.get(at) ^ (1n << BigInt(random.pick([0, 1, 9, 10, 16, 17, 60, 62, 63])));
      patch.put(at, chance(random, 50) ? flipped : wrong());
      if (entryLength === 16 && chance(random, 50)) patch.put(at + 8, random.pick([0n, word(), 0xffffffffn]));
    } else if (kind === 5) patch.put(l1 + random.below(l1Entries) * 8, wrong() & ~(1n << 62n));
    else if (kind === 6) {
      const at = Number(patch.get(48)) + random.below(2) * 8;
      patch.put(at, random.pick([patch.get(at) ^ 1n, patch.get(at) ^ 512n, place(), 1n << 40n, 0n]));
    } else if (kind < 9) {
      const block = Number(patch.get(Number(patch.get(48))) & ~511n);
      if (block > 0 && block + 64 < bytes.length)
        bytes[block + random.below(64)] = random.pick([0, 1, 2, 255]);
    } else if (kind === 9) length = Math.max(4 * cluster, length - 512 * random.below((3 * cluster) / 512));
    else if (kind === 10) length += 512 * random.below((5 * cluster) / 512);
    else if (bytes.readUInt32BE(60) > 0) {
      const entry = Number(patch.get(64));
      if (chance(random, 50)) patch.put(entry, random.pick([place(), BigInt(l1), place() + 512n, 1n << 45n]));
      else bytes.writeUInt32BE(random.pick([0, 1, 3, 100, 0x500000]), entry + 8);
    }
  }
  patch.save(length);
}
