// `create`, `resize` and `rebase` of QED images in the place of qemu-img beside the stock program.
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { Twins, words } from "../build/twins.ts";
import { Cli, describeWithQemu } from "../core/cli/support.ts";

let cli: Cli;
let twins: Twins;
beforeAll(async () => {
  cli = await Cli.build();
  twins = new Twins(cli);
});
afterAll(() => cli.remove());

describeWithQemu("QED images as qemu-img has them", () => {
  beforeEach(() => {
    twins.prepare("qemu-img", "create", "-q", "-f", "raw", "base", "1M");
    twins.prepare("qemu-io", "-f", "raw", "-c", "write -q -P 3 0 1M", "base");
    twins.prepare("qemu-img", "create", "-q", "-f", "qed", "other.qed", "2M");
    twins.prepare("qemu-io", "-c", "write -q -P 3 0 300k", "-c", "write -q -P 4 1500k 8k", "other.qed");
    twins.prepare("qemu-img", "create", "-q", "-f", "qed", "-b", "base", "-F", "raw", "top.qed", "2M");
    twins.prepare("qemu-io", "-c", "write -q -P 7 64k 100k", "top.qed");
  });

  it.each([
    "create -f qed new 64M",
    "create -f qed -o cluster_size=4k,table_size=2 new 100",
    "create -f qed -o cluster_size=4k -o table_size=16 new 200G",
    "create -q -f qed new 0",
    "create -f qed -b base -F raw new",
    "create -f qed -b other.qed -F qed new 5M",
    "create -f qed -u -b gone,here -F raw new 1M",
    "create -f qed -o backing_file=base,backing_fmt=raw new",
    "create -f qed -F qed new 1M",
    "create -f qed -o preallocation=full,nocow=on new 1M",
  ])("makes the same file: %s", (line) => {
    expect(twins.same(words(line)).code).toBe(0);
    twins.sameBytes("new");
  });

  it.each([
    "create -f qed new",
    "create -f qed new 100T",
    "create -f qed -o cluster_size=5000 new 1M",
    "create -f qed -o cluster_size=abc new 1M",
    "create -f qed -o cluster_size=-1 new 1M",
    "create -f qed -o table_size=32 new 1M",
    "create -f qed -o preallocation=metadata new 1M",
    "create -f qed -b base new",
    "create -f qed -b other.qed new",
    "create -f qed -u -b base new 1M",
    "create -f qed -u -b base -F raw new",
    "create -f qed -b gone -F raw new 1M",
    "create -f qed -b base -F nothing new 1M",
    "create -f qed -u -b base -F nothing new 1M",
    "create -f qed -b '' new 1M",
    "create -f qed -b new -F qed new 1M",
    "create -f qed /nonexistent/new 1M",
  ])("refuses alike: %s", (line) => {
    expect(twins.same(words(line)).code).toBe(1);
  });

  it.each(["create -f qed -o help new", "create -f qed -o help"])("lists options alike: %s", (line) => {
    twins.same(words(line));
  });

  it.each([
    "resize top.qed 5M",
    "resize top.qed +1G",
    "resize top.qed 1000",
    "resize top.qed 10000100",
    "resize --shrink top.qed -1M",
    "resize top.qed 300T",
    "resize -f qed --preallocation=full top.qed 11M",
  ])("changes sizes alike: %s", (line) => {
    twins.same(words(line));
    twins.sameBytes("top.qed");
  });

  it.each([
    "rebase -b other.qed -F qed top.qed",
    "rebase -q -p -b other.qed -F qed top.qed",
    "rebase -b '' top.qed",
    "rebase -b base -F raw top.qed",
    "rebase -u -b gone -F qed top.qed",
    "rebase -u -b '' top.qed",
    "rebase -u top.qed",
  ])("changes the backing file alike: %s", (line) => {
    const before = twins.contents("top.qed");
    expect(twins.same(words(line)).code).toBe(0);
    twins.same(["info", "--output=json", "top.qed"], (text) => text.replace(/ *"actual-size".*\n/, ""));
    if (!line.includes("-u")) expect(twins.contents("top.qed")).toEqual(before);
  });

  it.each([
    "rebase top.qed",
    "rebase",
    "rebase -u -b other.qed top.qed",
    "rebase -b gone -F raw top.qed",
    "rebase -b base -F nothing top.qed",
    "rebase -b top.qed -F qed top.qed",
    "rebase -t foo -b base -F raw top.qed",
    "rebase -T foo -b base -F raw top.qed",
    "rebase -f raw -b other.qed -F qed base",
    "rebase -f raw -u -b other.qed -F qed base",
    "rebase -b base -F raw top.qed other.qed",
  ])("refuses to change it alike: %s", (line) => {
    expect(twins.same(words(line)).code).toBe(1);
    twins.sameBytes("top.qed");
  });
});
