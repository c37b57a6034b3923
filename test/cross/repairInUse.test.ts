// An image that the peer has open: looked at all the same, and not mended until it is closed there.
import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { brokenQed } from "../build/brokenQed.ts";
import { lacksPeer, run } from "../build/peers.ts";
import { tempDir, tempFile } from "../build/temp.ts";
import { finish, look, planned, write } from "../core/ops/repairJobs.ts";

/** The peer with the image open for writing, at its prompt. */
async function peerWith(image: string, format: string): Promise<ChildProcess> {
  const peer = spawn("qemu-io", ["-f", format, image], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void peer.kill());
  await new Promise((resolve) => peer.stdout.once("data", resolve));
  return peer;
}

async function closed(peer: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => peer.once("exit", resolve));
  peer.stdin?.end();
  await ended;
}

describe.skipIf(lacksPeer("qemu-io", "qemu-img"))("an image that qemu-io has open", () => {
  it("is looked at, and neither mended nor copied; the refusal names the program", async () => {
    // Raw for the peer, which would mend a dirty image when it opens one.
    const file = tempFile("a.qed", brokenQed());
    const before = fs.readFileSync(file);
    const params = await planned(file);
    const peer = await peerWith(file, "raw");
    const looking = await look(file);
    const checks = await looking.ask("preflight", { ids: params.ids });
    expect(checks.find(({ id }) => id === "in-use")).toMatchObject({
      state: "refused",
      text: expect.stringContaining(`qemu-io (process ${peer.pid})`),
    });
    await looking.end();
    const refused = { code: "EBUSY", message: `The image is in use by qemu-io (process ${peer.pid})` };
    await expect(write(params)).rejects.toMatchObject(refused);
    await expect(write({ ...params, copyTo: `${file}.copy` })).rejects.toMatchObject(refused);
    await closed(peer);
    expect(Buffer.compare(fs.readFileSync(file), before)).toBe(0);
    expect(await write(params)).toMatchObject({ state: "verified" });
    const journal = `${file}.blkscope-undo`;
    const again = await peerWith(file, "raw");
    await expect(finish(journal, "undo")).rejects.toMatchObject({ code: "EBUSY" });
    await closed(again);
    await finish(journal, "undo");
    expect(Buffer.compare(fs.readFileSync(file), before)).toBe(0);
  });
});

describe.skipIf(lacksPeer("qemu-img"))("a mended copy", () => {
  it("has no corruption for qemu-img, and the image is as it was", async () => {
    const file = tempFile("a.qed", brokenQed());
    const before = fs.readFileSync(file);
    const copyTo = `${tempDir()}/copy.qed`;
    const written = await write({ ...(await planned(file)), copyTo });
    const report = JSON.parse(run("qemu-img", "check", "-f", "qed", "--output", "json", copyTo)) as {
      corruptions?: number;
      leaks?: number;
    };
    expect(report.corruptions ?? 0).toBe(0);
    expect(report.leaks ?? 0).toBe(written.after?.check.leaks);
    expect(Buffer.compare(fs.readFileSync(file), before)).toBe(0);
  });
});
