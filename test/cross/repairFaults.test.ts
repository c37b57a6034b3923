// `blkscope repair` where something is in the way: another program's lock, rights, space. Nothing is written then, the
// reason is named, and the preflight says the same beforehand.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { openGraph } from "../../core/graph.ts";
import { copyToNewFile } from "../../core/repair/copy.ts";
import { type PreflightCheck, preflight } from "../../core/repair/preflight.ts";
import { brokenQed } from "../build/brokenQed.ts";
import { mend } from "../build/mend.ts";
import { lacksPeer } from "../build/peers.ts";
import { tempDir, tempFile } from "../build/temp.ts";
import { Cli } from "../core/cli/support.ts";
import { watchFiles } from "../crash/fileFaults.ts";

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
});
afterAll(() => cli.remove());

const original = brokenQed();

/** The image in a folder of its own, which anybody may use. */
function fresh(name: string): { image: string; folder: string; isUntouched: () => boolean } {
  const folder = cli.path(name);
  fs.mkdirSync(folder);
  const image = tempFile("disk.qed", original, folder);
  fs.chmodSync(folder, 0o777);
  fs.chmodSync(image, 0o666);
  const isUntouched = () => {
    const names = fs.readdirSync(folder);
    return names.length === 1 && Buffer.compare(fs.readFileSync(image), original) === 0;
  };
  return { image, folder, isUntouched };
}

const looked = (image: string, more = {}) => preflight({ imagePath: image, backing: undefined, ...more });
const named = (checks: readonly PreflightCheck[], id: string) => checks.find((check) => check.id === id);

/** Resolves when the program has the image open: it asks for a command then. */
async function qemuIoOn(...args: string[]): Promise<ChildProcess> {
  const child = spawn("qemu-io", args, { stdio: ["pipe", "pipe", "inherit"] });
  await new Promise((resolve) => child.stdout?.once("data", resolve));
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  const end = new Promise((resolve) => child.once("close", resolve));
  child.stdin?.end("quit\n");
  await end;
}

describe.skipIf(lacksPeer("qemu-io"))("an image that another program uses", () => {
  it("is not mended while qemu-io has it open, whose number is told", async () => {
    const { image, isUntouched } = fresh("used");
    const child = await qemuIoOn("-f", "raw", image);
    try {
      for (const mode of ["--plan", "--apply"]) {
        const { code, stdout, stderr } = cli.run(["repair", mode, image]);
        expect({ code, stdout }, mode).toEqual({ code: 1, stdout: "" });
        expect(stderr, mode).toContain("is in use");
        expect(stderr, mode).toContain(`It is open in qemu-io (process ${child.pid}).`);
      }
      expect(named(await looked(image), "in-use")).toEqual({
        id: "in-use",
        state: "refused",
        text: `The image is in use by qemu-io (process ${child.pid}).`,
        hint: "Close the image there, or shut down the virtual machine it belongs to.",
      });
    } finally {
      await ended(child);
    }
    expect(isUntouched()).toBe(true);
    expect(named(await looked(image), "in-use")).toMatchObject({ state: "ok" });
    expect(cli.run(["repair", "--apply", image])).toMatchObject({ code: 0 });
  });

  it("without a lock is warned of, for reading and for writing", async () => {
    const { image } = fresh("unlocked");
    for (const [args, how] of [
      [["-U", "-r"], "would see it change"],
      [[], "may write to it while it is mended"],
    ] as const) {
      const spec = `driver=raw,file.driver=file,file.locking=off,file.filename=${image}`;
      const child = await qemuIoOn(...args, "--image-opts", spec);
      try {
        expect(named(await looked(image), "in-use")).toMatchObject({
          state: "warn",
          text: `The image is open without a lock in qemu-io (process ${child.pid}), which ${how}.`,
        });
      } finally {
        await ended(child);
      }
    }
  });

  it("is free for a look that this very process takes", async () => {
    const { image } = fresh("own");
    const graph = await openGraph({ driver: "qed", file: { driver: "file", filename: image } });
    expect(named(await looked(image), "in-use")).toMatchObject({ state: "ok" });
    await graph.close();
  });
});

const isRoot = process.getuid?.() === 0;
const nobody = 65534;

describe("rights", () => {
  /** As somebody whom rights hold: root is let through. */
  const asUser = (...args: string[]) => cli.run(["repair", ...args], {}, isRoot ? nobody : undefined);

  it("to read alone are not enough, and a copy is advised", () => {
    const { image, isUntouched } = fresh("readonly");
    fs.chmodSync(image, 0o444);
    const plan = asUser("--plan", image);
    expect(plan.code).toBe(2);
    expect(plan.stderr).toContain(
      "warning: The image can't be written to: Permission denied. Mend a copy of it",
    );
    const { code, stderr } = asUser("--apply", image);
    expect(code).toBe(1);
    expect(stderr).toContain("Permission denied");
    expect(isUntouched()).toBe(true);
  });

  it("to the image alone are not enough for a journal beside it, but for one elsewhere", () => {
    const { image, folder, isUntouched } = fresh("closed");
    fs.chmodSync(folder, 0o555);
    const refused = asUser("--apply", image);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`The undo journal can't be written to '${folder}': Permission denied.`);
    expect(refused.stderr).toContain("Name another place for the journal (--journal).");
    expect(isUntouched()).toBe(true);
    const open = tempDir();
    fs.chmodSync(open, 0o777);
    const journal = path.join(open, "journal");
    expect(asUser("--apply", "--journal", journal, image)).toMatchObject({ code: 0, stderr: "" });
    expect(asUser("--undo", journal, image)).toMatchObject({ code: 0, stderr: "" });
    expect(isUntouched()).toBe(true);
  });
});

describe("space", () => {
  it("that a limit of the shell takes from the journal stops the repair before it begins", () => {
    const { image, isUntouched } = fresh("limited");
    // Blocks of 1024 bytes: the journal's header and states alone take 4096.
    const { code, stderr } = cli.shell(`ulimit -f 4; $BLKSCOPE repair --apply ${image}`);
    expect(code).toBe(1);
    expect(stderr).toContain("File too large. The image was not changed");
    expect(isUntouched()).toBe(true);
  });

  it("is compared with what journal and copies need", async () => {
    const { image } = fresh("space");
    const graph = await openGraph({ driver: "qed", file: { driver: "file", filename: image } });
    const { offerRepair } = await import("../../core/repair/offer.ts");
    const offer = await offerRepair(graph.root);
    const script = offer.script(offer.items.map(({ id }) => id));
    await graph.close();
    expect(
      named(await looked(image, { planned: { script, journalBytes: 5000 } }), "journal-space"),
    ).toMatchObject({ state: "ok" });
    // One copy more, larger than any disk: 2^52 bytes are 4 PiB.
    const huge = { ...script, newSize: script.newSize + 2 ** 52 };
    expect(
      named(await looked(image, { planned: { script: huge, journalBytes: 5000 } }), "journal-space"),
    ).toMatchObject({
      state: "refused",
      text: expect.stringMatching(/^The undo journal and copies in the image need 4 PiB; .* are free in /),
    });
  });
});

describe.skipIf(!isRoot)("an image on a device", () => {
  /** Undefined where no loop device can be made. */
  function deviceOf(image: string): string | undefined {
    const { status, stdout } = spawnSync("losetup", ["--find", "--show", image], { encoding: "utf8" });
    if (status !== 0) {
      console.warn("SKIPPED: no loop device can be made here (it needs root and losetup)");
      return undefined;
    }
    const device = stdout.trim();
    onTestFinished(() => void spawnSync("losetup", ["--detach", device]));
    return device;
  }

  it("is mended where its length stays, and refused before the first change where not", (context) => {
    const { image, folder, isUntouched } = fresh("device");
    const device = deviceOf(image);
    if (device === undefined) return context.skip();
    const journal = path.join(tempDir(), "journal");
    const asked = (...args: string[]) => cli.run(["repair", ...args, device]);
    // A device has whole sectors only.
    const isAsBefore = () => {
      const found = fs.readFileSync(device);
      return found.equals(original.subarray(0, found.length));
    };
    // Some of its clusters have two users: a copy of them would lie behind the device's end.
    const refused = asked("--apply", "--journal", journal);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain("The image lies on a device, whose length can't be changed");
    expect(refused.stderr).toContain("(--copy)");
    expect(fs.existsSync(journal)).toBe(false);
    expect(isAsBefore()).toBe(true);

    const plan = JSON.parse(asked("--plan", "--output", "json").stdout);
    const entries = plan.items.filter(
      ({ action, needs }: { action: string; needs: string[] }) =>
        action === "clear-entry" && needs.length === 0,
    );
    const ids = entries.map(({ id }: { id: string }) => id).join(",");
    expect(ids).not.toBe("");
    expect(asked("--apply", "--journal", journal, "--only", ids)).toMatchObject({ code: 2, stderr: "" });
    expect(isAsBefore()).toBe(false);
    expect(cli.run(["repair", "--undo", journal, device])).toMatchObject({ code: 0, stderr: "" });
    expect(isAsBefore()).toBe(true);
    const copy = path.join(folder, "copy.qed");
    expect(asked("--apply", "--copy", copy)).toMatchObject({ stderr: "" });
    for (const left of [copy, `${copy}.blkscope-undo`]) fs.rmSync(left);
    expect(isUntouched()).toBe(true);
  });
});

describe("a tail of holes", () => {
  it("needs no space in the journal, and takes no time to be cut off and brought back", async () => {
    const { image, folder } = fresh("holes");
    // 1 TiB, of which nothing is on the disk: a quarter of an hour if it were read.
    fs.truncateSync(image, 2 ** 40);
    const trimmed = cli.run(["repair", "--apply", "--only", "trim", image]);
    expect(trimmed.stderr).toBe("");
    // Entries that pointed behind its end point to where nothing is now, below 2 GiB.
    expect(fs.statSync(image).size).toBeLessThan(2 ** 31);
    const journal = path.join(folder, "disk.qed.blkscope-undo");
    expect(fs.statSync(journal).size).toBeLessThan(2 * original.length);
    expect(cli.run(["repair", "--undo", journal])).toMatchObject({ code: 0, stderr: "" });
    expect(fs.statSync(image).size).toBe(2 ** 40);
    const fd = fs.openSync(image, "r");
    const found = new Uint8Array(original.length);
    fs.readSync(fd, found);
    fs.closeSync(fd);
    expect(Buffer.compare(found, original)).toBe(0);
  });
});

describe("preflight", () => {
  it("has one entry for an image that is not there or no file", async () => {
    const [missing, ...more] = await looked(path.join(tempDir(), "absent.qed"));
    expect(more).toEqual([]);
    expect(missing).toMatchObject({ id: "readable", state: "refused" });
    expect(missing?.text).toBe("The image can't be read: No such file or directory.");
    expect(await looked(tempDir())).toMatchObject([{ id: "readable", state: "refused" }]);
  });

  it("finds the journal of a repair that was cut off, of one that was not, and what is no journal", async () => {
    const { image } = fresh("journals");
    const journal = `${image}.blkscope-undo`;
    const states = async () => {
      const checks = await looked(image);
      return ["unfinished", "journal-place"].map((id) => named(checks, id)?.state);
    };
    expect(await states()).toEqual(["ok", "ok"]);
    const done = watchFiles({
      skipSyncs: true,
      // A disk that fails after the repair has begun.
      fault: ({ number }) => (number > 20 ? { kind: "throw", code: "EIO" } : undefined),
    });
    await expect(mend(image, { journal })).rejects.toThrow();
    done();
    expect(await states()).toEqual(["refused", "refused"]);
    expect(named(await looked(image), "journal-place")?.hint).toContain("cut off: finish it (--resume)");
    const again = cli.run(["repair", "--apply", "--journal", `${image}.other`, image]);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain("An earlier repair was cut off");
    expect(cli.run(["repair", "--undo", journal])).toMatchObject({ code: 0 });
    expect(await states()).toEqual(["ok", "refused"]);
    fs.writeFileSync(journal, "not a journal");
    expect(await states()).toEqual(["warn", "refused"]);
  });

  it("looks for the backing file", async () => {
    const { image, folder } = fresh("backing");
    const backing = { filename: "base.raw", fullFilename: path.join(folder, "base.raw") };
    expect(named(await looked(image, { backing }), "backing")).toMatchObject({ state: "warn" });
    fs.writeFileSync(backing.fullFilename, "");
    expect(named(await looked(image, { backing }), "backing")).toMatchObject({ state: "ok" });
  });
});

describe("a copy", () => {
  it("that is cancelled or fails leaves nothing, and never takes the place of a file", async () => {
    const { image, folder, isUntouched } = fresh("copies");
    const graph = await openGraph({ driver: "file", filename: image });
    const to = path.join(folder, "copy.qed");
    const stop = new AbortController();
    stop.abort();
    await expect(copyToNewFile(graph.root, to, { signal: stop.signal })).rejects.toMatchObject({
      code: "ECANCELED",
    });
    expect(isUntouched()).toBe(true);
    const done = watchFiles({
      fault: ({ bytes }) => (bytes ? { kind: "throw", code: "ENOSPC" } : undefined),
    });
    const failed = copyToNewFile(graph.root, to);
    await expect(failed).rejects.toMatchObject({ code: "ENOSPC" });
    done();
    expect(isUntouched()).toBe(true);
    await copyToNewFile(graph.root, to);
    expect(Buffer.compare(fs.readFileSync(to), original)).toBe(0);
    fs.writeFileSync(to, "mine");
    await expect(copyToNewFile(graph.root, to)).rejects.toThrow("There is a file already");
    expect(fs.readFileSync(to, "utf8")).toBe("mine");
    await graph.close();
  });
});

// Where the tests run as root on Linux a file system without any room can be made.
const canMount = isRoot && process.platform === "linux" && spawnSync("mount", ["--version"]).status === 0;
describe.skipIf(!canMount)("a full file system", () => {
  it("is seen before the repair begins, by its free space", async () => {
    const { image, isUntouched } = fresh("full");
    const full = tempDir();
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=4k", "none", full]).status !== 0) {
      console.warn("SKIPPED: no file system can be mounted here");
      return;
    }
    try {
      const { code, stderr } = cli.run(["repair", "--apply", "--journal", path.join(full, "journal"), image]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/The undo journal needs .*; 4 KiB are free in/);
      expect(fs.readdirSync(full)).toEqual([]);
    } finally {
      spawnSync("umount", [full]);
    }
    expect(isUntouched()).toBe(true);
  });
});
