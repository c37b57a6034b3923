// `create` in the place of qemu-img beside the stock program: output, exit codes and the files made.
import * as fs from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Twins, words } from "../build/twins.ts";
import { Cli, describeWithQemu } from "../core/cli/support.ts";

let cli: Cli;
let twins: Twins;
beforeAll(async () => {
  cli = await Cli.build();
  twins = new Twins(cli);
});
afterAll(() => cli.remove());

describeWithQemu("create and qemu-img create", () => {
  it.each([
    "create -f raw new 64M",
    "create -f raw new 1000",
    "create -f raw -o size=1.5k new",
    "create -f raw -o size=1M,size=2M new",
    "create -f raw new 0x10k",
    "create -q new 1M",
    "create new 0",
    "create file:new 1M",
    "create -f raw -o preallocation=full -o nocow=on,extent_size_hint=64k new 1M",
    "create -f raw -o preallocation=falloc new 1M",
  ])("makes the same file: %s", (line) => {
    expect(twins.same(words(line)).code).toBe(0);
    twins.sameBytes("new");
  });

  it.each([
    "create",
    "create -f raw",
    "create new",
    "create new 1M more",
    "create new abc",
    "create new 1.5",
    "create new 1MB",
    "create new 64E",
    "create new -- -1",
    "create -f raw new 1M -o",
    "create -f nothing new 1M",
    "create -f blkdebug new 1M",
    "create -f raw -o foo=1 new 1M",
    "create -f raw -o foo new 1M",
    "create -f raw -o nocow new 1M",
    "create -f raw -o nocow=maybe new 1M",
    "create -f raw -o extent_size_hint=abc new 1M",
    "create -f raw -o preallocation=bar new 1M",
    "create -f raw -o preallocation=metadata new 1M",
    "create -f raw -o size=1M new 2M",
    "create -f raw -o size=18446744073709551615 new",
    "create -f raw -o size=18446744073709551616 new",
    "create -f raw -o '' new 1M",
    "create -f raw -o , new 1M",
    "create -f raw -o nocow=on, new 1M",
    "create -f raw -o ,nocow=on new 1M",
    "create -f raw -b base -F raw new 1M",
    "create -f raw -b '' new 1M",
    "create -f raw -F raw new 1M",
    "create -f raw -o backing_file=base new 1M",
    "create -f raw -B raw new 1M",
    "create nowhere:new 1M",
    "create /nonexistent/new 1M",
    "create /tmp 1M",
  ])("refuses alike: %s", (line) => {
    expect(twins.same(words(line)).code).toBe(1);
  });

  it.each([
    "create -f raw -o help new",
    "create -f raw -o help",
    "create -f raw -o ?",
    "create -f raw -o nocow=on,help new",
    "create -f nothing -o help new",
    "create -f blkdebug -o help",
    "create -o help nowhere:new",
  ])("lists options alike: %s", (line) => {
    twins.same(words(line));
  });

  it.each(["mine", "./mine", "link", "hard"])("never empties its own backing file, unseen: %s", (backing) => {
    const bytes = Buffer.alloc(4096, 7);
    fs.rmSync(cli.path("mine"), { force: true });
    fs.writeFileSync(cli.path("mine"), bytes);
    fs.rmSync(cli.path("link"), { force: true });
    fs.symlinkSync("mine", cli.path("link"));
    fs.rmSync(cli.path("hard"), { force: true });
    fs.linkSync(cli.path("mine"), cli.path("hard"));
    expect(cli.run(["create", "-f", "qed", "-u", "-b", backing, "-F", "raw", "mine", "1M"]).code).toBe(1);
    expect(fs.readFileSync(cli.path("mine")).equals(bytes)).toBe(true);
  });

  it("leaves a file alone when the request can't be met, and makes none", () => {
    fs.writeFileSync(cli.path("kept"), "precious");
    expect(cli.run(["create", "-o", "preallocation=bar", "kept", "1M"]).code).toBe(1);
    expect(fs.readFileSync(cli.path("kept"), "utf8")).toBe("precious");
    expect(cli.run(["create", "-o", "preallocation=bar", "absent", "1M"]).code).toBe(1);
    expect(fs.existsSync(cli.path("absent"))).toBe(false);
  });
});
