// `map` beside qemu-img: words, exit codes, and the images made.
import { afterAll, beforeAll, it } from "vitest";
import { Cli, describeWithQemu } from "../core/cli/support.ts";
import { makeImages, Twins } from "./twins.ts";

let cli: Cli;
let twins: Twins;
beforeAll(async () => {
  cli = await Cli.build();
  twins = new Twins(cli, makeImages(cli));
});
afterAll(() => cli.remove());

describeWithQemu("map", () => {
  it.each([
    [["map", "d/o2.qed"]],
    [["map", "--output=json", "d/o2.qed"]],
    [["map", "--output=json", "odd.raw"]],
    [["map", "odd.raw"]],
    [["map", "-f", "raw", "o.qed"]],
    [["map", "--output=json", "-s", "70k", "-l", "200k", "d/o2.qed"]],
    [["map", "nope"]],
    [["map", "-f", "bogus", "o.qed"]],
    [["map", "--image-opts", "driver=qed,file.filename=o.qed"]],
    [["map", "--image-opts", "-f", "raw", "a"]],
    [["map", 'json:{"driver":"raw","offset":"64k","file":{"driver":"file","filename":"base.raw"}}']],
    [
      [
        "map",
        "--output=json",
        'json:{"driver":"raw","offset":"64k","file":{"driver":"file","filename":"base.raw"}}',
      ],
    ],
    [["map", "--image-opts", "driver=null-co,size=1M"]],
    [["map", "--output=json", "--image-opts", "driver=null-co,size=1M"]],
    [["map", "--output=json", "--image-opts", "driver=file,filename=base.raw"]],
    [["map", "--image-opts", "driver=file,filename=base.raw"]],
    [["map", "empty.raw"]],
    [["map", "--output=json", "empty.raw"]],
    [["map", "--output=json", "e.qed"]],
    [["map", "-l", "-5", "e.qed"]],
    [["map", "-l", "5E0", "e.qed"]],
    [["map", "-s", "0x", "odd.raw"]],
    [["map", "-s", "8E", "odd.raw"]],
    [["map", "-s", "7E", "odd.raw"]],
    [["map", "-s", "18E", "odd.raw"]],
    [["map", "-l", " 5", "odd.raw"]],
    [["map", "-l", "", "odd.raw"]],
    [["map", "-l", "0x10k", "odd.raw"]],
    [["map", "-l", "9007199254740993", "odd.raw"]],
    [["map", "-l", "5B", "odd.raw"]],
    [["map", "-l", "1.5", "odd.raw"]],
    [["map", "-l", "1.5b", "odd.raw"]],
    [["map", "-l", ".5k", "odd.raw"]],
    [["map", "-l", "5.k", "odd.raw"]],
    [["map", "-l", "+5", "odd.raw"]],
    [["map"]],
    [["map", "a", "b"]],
    [["map", "--output=x", "odd.raw"]],
    [["map", "-p"]],
    [["map", "-s"]],
    [["map", "-U", "-f", "qed", "d/o2.qed"]],
    [["map", "-s", "1000000", "--output=json", "odd.raw"]],
    [["map", "-s", "1000001", "--output=json", "odd.raw"]],
    [["map", "-s", "1000001", "-l", "3", "--output=json", "odd.raw"]],
    [["map", "-s", "100", "-l", "3", "--output=json", "e.qed"]],
    [["map", "--output=json", "--image-opts", "driver=raw,offset=512,file.filename=odd.raw"]],
    [["map", "--start-offset=512", "--max-length=1k", "odd.raw"]],
    [["map", "-s", "2M", "base.raw"]],
    [["map", "-s", "5M", "--output=json", "o.qed"]],
  ])("says and does as the peer: %j", (args) => {
    twins.expectEqual(args);
  });
});
