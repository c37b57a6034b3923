// What set-up decides: whether packages are current, which system packages are missing, where the cache is, and
// who holds the lock.
import { existsSync, renameSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { stampOf } from "../../scripts/build/stamp.mjs";
import { withLock } from "../../scripts/setup/lock.mjs";
import { sameVersions } from "../../scripts/setup/packages.mjs";
import { cacheFolder } from "../../scripts/setup/paths.mjs";
import { run } from "../../scripts/setup/run.mjs";
import { availableName, missingLibraries, packagesFor } from "../../scripts/setup/system.mjs";

async function inFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "blkscope-setup-"));
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe("installed packages", () => {
  const locked = {
    packages: {
      "": { version: "0.1.0" },
      "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
      "node_modules/a-win32": { version: "1.0.0", integrity: "sha512-w", optional: true },
    },
  };
  const a = locked.packages["node_modules/a"];

  test("are current when all but optional ones are there", () => {
    expect(sameVersions(locked, { packages: { "node_modules/a": a } })).toBe(true);
  });

  test.each([
    ["one is missing", {}],
    ["one has another version", { "node_modules/a": { ...a, version: "1.0.1" } }],
    ["one has another content", { "node_modules/a": { ...a, integrity: "sha512-b" } }],
    [
      "an optional one is there in another version",
      {
        "node_modules/a": a,
        "node_modules/a-win32": { version: "2.0.0", integrity: "sha512-w", optional: true },
      },
    ],
  ])("are not current when %s", (_, packages) => {
    expect(sameVersions(locked, { packages })).toBe(false);
  });
});

describe("missing libraries", () => {
  const ldd = [
    "\tlinux-vdso.so.1 (0x00007ffd2b5e6000)",
    "\tlibffmpeg.so => /opt/electron/libffmpeg.so (0x00007f4e8c000000)",
    "\tlibnss3.so => not found",
    "\tlibsmime3.so => not found",
    "\tlibgtk-3.so.0 => not found",
    "\tlibnss3.so => not found",
    "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f4e8be00000)",
  ].join("\n");

  test("are what ldd does not find, each once", () => {
    expect(missingLibraries(ldd)).toEqual(["libgtk-3.so.0", "libnss3.so", "libsmime3.so"]);
  });

  test("are none for an executable whose libraries are all there", () => {
    expect(missingLibraries("\tlibc.so.6 => /lib/libc.so.6 (0x1)\n")).toEqual([]);
  });

  test("become Debian packages, each once, and unknown ones are told", () => {
    expect(packagesFor(["libgtk-3.so.0", "libnss3.so", "libsmime3.so", "libother.so.9"])).toEqual({
      packages: ["libgtk-3-0", "libnss3"],
      unknown: ["libother.so.9"],
    });
  });

  test("come from the renamed package on releases after the 64-bit time transition", async () => {
    const debian13 = new Set(["libgtk-3-0t64", "libnss3"]);
    const isInstallable = async (name: string) => debian13.has(name);
    expect(await availableName("libgtk-3-0", isInstallable)).toBe("libgtk-3-0t64");
    expect(await availableName("libnss3", isInstallable)).toBe("libnss3");
    expect(await availableName("libgone", isInstallable)).toBe("libgone");
  });
});

describe("the cache folder", () => {
  test.each([
    ["XDG_CACHE_HOME where it is set", { XDG_CACHE_HOME: "/var/xdg" }, "linux", "/var/xdg/blkscope"],
    [".cache on Linux", {}, "linux", "/home/me/.cache/blkscope"],
    ["Library/Caches on macOS", {}, "darwin", "/home/me/Library/Caches/blkscope"],
  ] as const)("is %s", (_, env, platform, expected) => {
    expect(cacheFolder(env, platform, "/home/me")).toBe(expected);
  });
});

describe("the lock", () => {
  test("lets one at a time in", async () => {
    await inFolder(async (folder) => {
      let inside = 0;
      let most = 0;
      const body = async () => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setTimeout(resolve, 5));
        inside--;
      };
      await Promise.all([1, 2, 3].map(() => withLock(join(folder, "lock"), body)));
      expect(most).toBe(1);
      expect(await readdir(folder)).toEqual([]);
    });
  });

  test("is given back when the work fails", async () => {
    await inFolder(async (folder) => {
      const failing = withLock(join(folder, "lock"), () => Promise.reject(new Error("no")));
      await expect(failing).rejects.toThrow("no");
      expect(await withLock(join(folder, "lock"), async () => "again")).toBe("again");
    });
  });

  test("is given back in one step, while another grabs for it all the time", async () => {
    await inFolder(async (folder) => {
      const [lock, other] = [join(folder, "lock"), join(folder, "other")];
      const grab = () => {
        try {
          renameSync(other, lock);
        } catch {
          setImmediate(grab);
        }
      };
      for (let round = 0; round < 50; round++) {
        await mkdir(other);
        await writeFile(join(other, "pid"), "1");
        await withLock(lock, async () => grab());
        while (existsSync(other)) await new Promise((resolve) => setImmediate(resolve));
        await rm(lock, { recursive: true });
      }
    });
  });

  test("is taken over from a process that no longer runs", async () => {
    await inFolder(async (folder) => {
      const { stdout } = await run(process.execPath, ["-p", "process.pid"]); // has ended by now
      await mkdir(join(folder, "lock"));
      await writeFile(join(folder, "lock", "pid"), stdout.trim());
      expect(await withLock(join(folder, "lock"), async () => "mine")).toBe("mine");
    });
  });
});

describe("the stamp of the sources", () => {
  test("changes with content and names, not with dates", async () => {
    await inFolder(async (folder) => {
      const write = (name: string, text: string) => writeFile(join(folder, "src", name), text);
      const stamp = (mode = "production") => stampOf(folder, ["src", "absent"], mode);
      await mkdir(join(folder, "src"));
      await write("a", "1");
      const first = await stamp();
      await write("a", "1");
      expect(await stamp()).toBe(first);
      expect(await stamp("development")).not.toBe(first);
      await write("a", "2");
      expect(await stamp()).not.toBe(first);
      await write("a", "1");
      await write("b", "");
      expect(await stamp()).not.toBe(first);
    });
  });
});

describe("running a command", () => {
  test("answers its code and both outputs", async () => {
    const script = "console.log('out'); console.error('err'); process.exitCode = 3";
    const { code, output, stdout } = await run(process.execPath, ["-e", script]);
    expect([code, stdout]).toEqual([3, "out\n"]);
    expect(output).toContain("err");
  });

  test("answers 127 for a command that does not exist", async () => {
    expect((await run("blkscope-no-such-command", [])).code).toBe(127);
  });

  test("answers 128 and the number for a command ended by a signal", async () => {
    expect((await run(process.execPath, ["-e", "process.kill(process.pid, 'SIGKILL')"])).code).toBe(128 + 9);
  });
});
