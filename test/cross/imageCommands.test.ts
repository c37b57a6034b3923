// `measure`, `amend`, `snapshot` and `bitmap` in the place of qemu-img beside the stock program.
import { afterAll, beforeAll, it } from "vitest";
import { Twins, words } from "../build/twins.ts";
import { Cli, describeWithQemu } from "../core/cli/support.ts";

let cli: Cli;
let twins: Twins;
beforeAll(async () => {
  cli = await Cli.build();
  twins = new Twins(cli);
});
afterAll(() => cli.remove());

/** The peer numbers nodes that have no name. */
function withoutNodeNames(text: string): string {
  return text.replace(/bitmaps to [^:]+:/, "bitmaps to NODE:");
}

describeWithQemu("commands on images without snapshots, bitmaps and options", () => {
  beforeAll(() => {
    twins.prepare("qemu-img", "create", "-q", "-f", "raw", "disk", "1M");
    twins.prepare("qemu-img", "create", "-q", "-f", "qed", "disk.qed", "3M");
  });

  it.each([
    "measure",
    "measure --size 1M",
    "measure -O raw --size 1000",
    "measure -O nothing --size 1M",
    "measure --size abc",
    "measure --output=json --size 1M",
    "measure --output=xml --size 1M",
    "measure --size 1M disk",
    "measure disk.qed",
    "measure -U -f qed disk.qed -O raw",
    "measure disk disk.qed",
    "measure absent",
    "measure -O raw -o help --size 1M",
    "measure -O raw -o foo=1 --size 1M",
    "measure -O raw -o size=2M disk.qed",
    "measure -O raw -o preallocation=full disk.qed",
    "measure -o , disk.qed",
    "measure -l snap disk.qed",
    "measure -l snapshot.foo=1 disk.qed",
    "measure -l snap --size 1M",
    "measure -f qed --size 1M",
    "amend",
    "amend disk",
    "amend -o help",
    "amend -f qed -o help",
    "amend -f nothing -o help disk",
    "amend -f raw -o size=2M disk",
    "amend -p -f raw -o size=2M disk",
    "amend -o , disk",
    "amend -f raw -t foo -o size=2M disk",
    "amend --image-opts -f raw -o size=2M driver=raw,file.filename=disk",
    "snapshot",
    "snapshot disk.qed",
    "snapshot -l disk.qed",
    "snapshot -U -l disk",
    "snapshot -l absent",
    "snapshot -l -c s disk",
    "snapshot -l disk disk.qed",
    "snapshot -f raw -l disk",
    "snapshot --image-opts -c s driver=raw,file.filename=disk",
    "snapshot --image-opts -a s driver=raw,file.filename=disk",
    "snapshot --image-opts -d s driver=raw,file.filename=disk",
    "bitmap",
    "bitmap disk b",
    "bitmap --add disk",
    "bitmap -f raw --add disk b",
    "bitmap -f raw --add disk ''",
    "bitmap -f raw --add -g 100 disk b",
    "bitmap -f raw --add -g foo disk b",
    "bitmap -f raw --remove disk b",
    "bitmap -f raw --clear --enable disk b",
    "bitmap -f raw --merge c disk b",
    "bitmap -f raw --merge c -b disk.qed disk b",
    "bitmap -f raw --merge c -b absent -F qed disk b",
    "bitmap --add -b disk.qed disk b",
    "bitmap --merge c -F qed disk b",
    "bitmap --remove -g 64k disk b",
    "bitmap --add absent b",
  ])("answers alike: %s", (line) => {
    twins.same(words(line), withoutNodeNames);
  });
});
