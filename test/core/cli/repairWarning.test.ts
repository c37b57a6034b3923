// What each command says of an image beside which the journal of a repair lies that did not come to its end.
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { brokenQed } from "../../build/brokenQed.ts";
import { cutOffRepair, mend } from "../../build/mend.ts";
import { plannedJournal } from "../../build/plannedJournal.ts";
import { Cli } from "./support.ts";

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
});
afterAll(() => cli.remove());

/** A broken image and the path of its journal, which is not there yet. */
function fresh(name: string): { image: string; journal: string } {
  cli.write(name, brokenQed());
  const journal = cli.path(`${name}.blkscope-undo`);
  fs.rmSync(journal, { force: true });
  return { image: cli.path(name), journal };
}

const count = (text: string, part: string) => text.split(part).length - 1;

describe("an image whose repair was cut off", () => {
  const warning =
    "blkscope: warning: A repair of 'cut.qed' was not finished: finish it with blkscope repair --resume " +
    "'cut.qed.blkscope-undo', or take it back with --undo\n";

  it.each([
    [["info", "cut.qed"]],
    [["check", "cut.qed"]],
    [["map", "cut.qed"]],
    [["map", "--kinds", "cut.qed"]],
    [["refs", "cut.qed", "0"]],
    [["compare", "cut.qed", "cut.qed"]],
    [["compare", "-s", "cut.qed", "cut.qed"]],
    [["compare", "--all", "cut.qed", "cut.qed"]],
    [["io", "-r", "-c", "length", "cut.qed"]],
    [["io", "-c", "length", "cut.qed"]],
    [["io", "-r", "-c", "length", "-c", "reopen -r", "cut.qed"]],
    [["resize", "cut.qed", "+1M"]],
    [["check", "--image-opts", "driver=qed,file.filename=cut.qed"]],
    [["info", "--image-opts", "driver=qed,file.driver=blkdebug,file.image.filename=cut.qed"]],
  ])("is warned of once: %j", async (args) => {
    const { image, journal } = fresh("cut.qed");
    await cutOffRepair(image, journal);
    const { stderr } = cli.run(args);
    expect(count(stderr, warning), stderr).toBe(1);
    expect(count(stderr, "was not finished"), stderr).toBe(1);
  });

  it("is warned of as the backing file of another", async () => {
    const { image, journal } = fresh("cut.qed");
    await cutOffRepair(image, journal);
    cli.run(["create", "-f", "qed", "-b", "cut.qed", "-F", "qed", "over.qed"]);
    expect(cli.run(["info", "--backing-chain", "over.qed"]).stderr).toBe(warning);
  });

  it("is looked for by repair itself, and not warned of by what stands in for the peer", async () => {
    const { image, journal } = fresh("cut.qed");
    await cutOffRepair(image, journal);
    expect(count(cli.run(["repair", "cut.qed"]).stderr, "was cut off: its undo journal is")).toBe(1);
    expect(cli.run(["repair", "cut.qed"]).stderr).not.toContain("was not finished");
    expect(cli.run(["info", "cut.qed"], { BLKSCOPE_AS: "qemu-img" }).stderr).toBe("");
    expect(cli.run(["-r", "-c", "length", "cut.qed"], { BLKSCOPE_AS: "qemu-io" }).stderr).toBe("");
  });
});

it("an image whose repair was written down and not begun is warned of", async () => {
  const { image, journal } = fresh("planned.qed");
  await plannedJournal(image, journal);
  expect(cli.run(["info", "planned.qed"]).stderr).toBe(
    "blkscope: warning: A repair of 'planned.qed' was not begun: do it with blkscope repair --resume " +
      "'planned.qed.blkscope-undo', or delete its journal\n",
  );
});

it("an image is not warned of after its repair, nor after that was taken back", async () => {
  const { image, journal } = fresh("done.qed");
  await mend(image, { journal });
  expect(cli.run(["info", "done.qed"]).stderr).toBe("");
  expect(cli.run(["repair", "--undo", "done.qed.blkscope-undo"]).code).toBe(0);
  expect(cli.run(["info", "done.qed"]).stderr).toBe("");
});

it("an image that is named instead of its journal is refused with the journal's name", async () => {
  const { image, journal } = fresh("named.qed");
  const refusal = () => cli.run(["repair", "--undo", "named.qed"]);
  expect(refusal()).toMatchObject({ code: 1, stderr: expect.stringContaining("named IMAGE.blkscope-undo") });
  await mend(image, { journal });
  const mended = fs.readFileSync(image);
  expect(refusal()).toMatchObject({
    code: 1,
    stderr:
      "blkscope: 'named.qed' can't be used: The file is not an undo journal, or its beginning is damaged\n" +
      "The journal beside it is 'named.qed.blkscope-undo'.\n",
  });
  expect(fs.readFileSync(image).equals(mended)).toBe(true);
});
