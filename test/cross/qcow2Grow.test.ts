// Tables of a qcow2 image that are longer than what one refcount block counts: an L1 table of a disk that grows, and its copy
// for a snapshot. The file becomes no longer than the peer's, and the peer's check finds nothing.
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "../build/peers.ts";
import { tempDir } from "../build/temp.ts";
import { Cli, describeWithQemu } from "../core/cli/support.ts";

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
});
afterAll(() => cli.remove());

describeWithQemu("tables longer than what a refcount block counts", () => {
  // A block counts clusterSize * 8 / refcountBits clusters. The L1 table of a disk of S bytes has an entry of 8 bytes for each
  // L2 table, which spans clusterSize / 8 clusters: of clusters of 512 bytes and 1 GiB, 32768 entries, 512 clusters.
  it.each([
    [512, 1, "1G"], // 512 clusters, 4096 to a block
    [512, 16, "1G"], // 512 clusters, 256 to a block
    [512, 64, "2G"], // 1024 clusters, 64 to a block: the refcount table grows as well
    [1024, 64, "2G"], // 128 clusters, as many as to a block
  ])("clusters of %i bytes, refcounts of %i bits, a disk of %s", (clusterSize, refcountBits, size) => {
    const [ours, peer] = ["ours.qcow2", "peer.qcow2"].map((name) => path.join(tempDir(), name)) as [
      string,
      string,
    ];
    const options = `cluster_size=${clusterSize},refcount_bits=${refcountBits}`;
    for (const file of [ours, peer])
      run("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, file, "1k");
    const steps = [["resize", "-q", "@", size]];
    // Counts of 1 bit have no room for a cluster with two users.
    if (refcountBits > 1) steps.push(["snapshot", "-c", "one", "@"]);
    for (const step of steps) {
      const args = (file: string) => step.map((word) => (word === "@" ? file : word));
      expect(cli.run(args(ours))).toMatchObject({ code: 0 });
      run("qemu-img", ...args(peer));
    }
    expect(run("qemu-img", "check", ours)).toContain("No errors were found");
    expect(run("qemu-img", "compare", ours, peer)).toContain("Images are identical");
    const clusters = (file: string) => Math.ceil(fs.statSync(file).size / clusterSize);
    expect(clusters(ours)).toBeLessThanOrEqual(clusters(peer));
  });
});
