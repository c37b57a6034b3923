// `bench` beside qemu-img: words and exit codes, the time taken masked.
import { afterAll, beforeAll, expect, it } from "vitest";
import { Cli, describeWithQemu } from "../core/cli/support.ts";
import { makeImages, Twins } from "./twins.ts";

let cli: Cli;
let twins: Twins;
beforeAll(async () => {
  cli = await Cli.build();
  twins = new Twins(cli, makeImages(cli));
});
afterAll(() => cli.remove());

describeWithQemu("bench", () => {
  it.each([
    [[]],
    [["-c", "10"]],
    [["-c", "10", "-d", "4", "-s", "8k", "-o", "64k"]],
    [["-c", "1000", "-S", "1k"]],
    [["-c", "0"]],
    [["-q", "-c", "10"]],
    [["-c", "1", "-s", "2M"]],
    [["-c", "5", "-o", "100M"]],
    [["-f", "raw", "-w", "-c", "10", "--flush-interval=5", "-d", "2"]],
    [["-f", "raw", "-w", "-c", "10", "--flush-interval=5", "-d", "2", "--no-drain", "--pattern", "7"]],
    [["-c", "10", "--flush-interval=5"]],
    [["-w", "-c", "10", "--flush-interval=1", "-d", "2"]],
    [["-c", "x"]],
    [["-c", "-1"]],
    [["-c", "1k"]],
    [["-d", "x"]],
    [["-s", "3G"]],
    [["-o", "x"]],
    [["-S", "x"]],
    [["-i", "bogus"]],
    [["-t", "bogus"]],
    [["--flush-interval=x"]],
    [["--pattern=300", "-w"]],
    [["-f", "bogus"]],
    [["-n", "-t", "none", "-c", "1"]],
    [["--image-opts", "-f", "raw"]],
  ])("says and does as the peer: %j", (args) => {
    const line = ["bench", ...args, ...(args.length === 0 ? [] : ["a.raw"])];
    const [own, peer] = (["own", "peer"] as const).map((who) => {
      const { stdout, ...rest } = twins.run(who, line);
      return { ...rest, stdout: stdout.replace(/in [0-9.]+ seconds/, "in T seconds") };
    });
    expect(own).toEqual(peer);
  });

  it("writes the pattern where the peer does", () => {
    const line = [
      "bench",
      "-f",
      "raw",
      "-w",
      "-c",
      "9",
      "-d",
      "1",
      "-s",
      "4k",
      "-S",
      "12k",
      "-o",
      "8k",
      "--pattern",
      "90",
      "sparse.raw",
    ];
    expect(twins.run("own", line).code).toBe(0);
    expect(twins.run("peer", line).code).toBe(0);
    const compared = cli.qemuImg("compare", "twin-own/sparse.raw", "twin-peer/sparse.raw");
    expect(compared.stdout).toBe("Images are identical.\n");
  });

  it("refuses a depth of 0, on which the peer never ends", () => {
    const { code, stderr } = twins.run("own", ["bench", "-d", "0", "a.raw"]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "qemu-img: Invalid queue depth specified\n" });
  });
});
