// The peer's own test suite (qemu-iotests) from Debian's source package of QEMU. Nothing of it is kept in this
// repository: it is fetched once through apt, unpacked with Debian's patches (which bring the expected outputs up
// to the packaged programs) and kept in the cache folder.
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../setup/paths.mjs";
import { run } from "../setup/run.mjs";
import { SetupError } from "../setup/say.mjs";

/** What the tests need of the 300 MiB. */
const parts = ["*/tests/qemu-iotests", "*/python", "*/scripts", "*/VERSION"];
/** The stock tools that the tests are made for; the source's release follows the installed one. */
const toolsPackage = "qemu-utils";
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
const tries = 3;

/** The folder of the suite, fetched where it is not there yet. Throws SetupError. */
export async function ensureSuite() {
  const folder = join(cacheFolder(), "peer-suite");
  const suite = join(folder, "tree/tests/qemu-iotests");
  if (await exists(join(folder, "tree/.complete"))) return suite;
  await mkdir(join(folder, "download"), { recursive: true });
  const [orig, debian] = await download(join(folder, "download"), join(folder, "apt"));
  await unpack(folder, orig, debian);
  return suite;
}

async function exists(/** @type {string} */ path) {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Both archives of the source package. apt's own lists stay as they are: a system without source entries gets
 * them in a private apt folder.
 * @param {string} target
 * @param {string} apt
 */
async function download(target, apt) {
  const version = await run("dpkg-query", ["-W", "-f", `\${source:Version}`, toolsPackage]);
  const specs = version.code === 0 ? [`qemu=${version.stdout.trim()}`, "qemu"] : ["qemu"];
  let output = "";
  for (let attempt = 0; attempt < tries; attempt++) {
    const options = await privateApt(apt);
    const update = await run("apt-get", [...options, "update", "-qq"]);
    for (const spec of specs) {
      const got = await run("apt-get", [...options, "source", "--download-only", "-qq", spec], {
        cwd: target,
      });
      output = update.output + got.output;
      const names = (await readdir(target)).sort();
      const archive = (/** @type {string} */ ending) => names.filter((name) => name.endsWith(ending)).at(-1);
      const [orig, debian] = [archive(".orig.tar.xz"), archive(".debian.tar.xz")];
      if (got.code === 0 && orig && debian) return [join(target, orig), join(target, debian)];
    }
  }
  throw new SetupError(`the source package of QEMU could not be fetched through apt:\n${output.trim()}`);
}

/** Options of apt-get for folders of its own, with this system's mirrors asked for sources. */
async function privateApt(/** @type {string} */ folder) {
  for (const name of ["lists/partial", "archives/partial"])
    await mkdir(join(folder, name), { recursive: true });
  const { stdout } = await run("apt-get", ["indextargets", "--format", "$(REPO_URI) $(RELEASE) $(ORIGIN)"]);
  const debians = stdout
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, , origin]) => origin === "Debian");
  const lines = new Set(
    debians.map(([uri, release]) => `deb-src [signed-by=${keyring}] ${uri} ${release} main`),
  );
  if (lines.size === 0) throw new SetupError("apt names no mirror of Debian to fetch QEMU's source from");
  const list = join(folder, "sources.list");
  await writeFile(list, `${[...lines].join("\n")}\n`);
  return [
    "-o",
    `Dir::Etc::SourceList=${list}`,
    "-o",
    "Dir::Etc::SourceParts=-",
    "-o",
    `Dir::State::Lists=${join(folder, "lists")}`,
    "-o",
    `Dir::Cache=${folder}`,
    "-o",
    "APT::Sandbox::User=root",
  ];
}

/**
 * @param {string} folder
 * @param {string} orig
 * @param {string} debian
 */
async function unpack(folder, orig, debian) {
  const fresh = join(folder, "new");
  await rm(fresh, { recursive: true, force: true });
  await mkdir(join(fresh, "tree"), { recursive: true });
  await must("tar", [
    "-xf",
    orig,
    "-C",
    join(fresh, "tree"),
    "--strip-components=1",
    "--wildcards",
    ...parts,
  ]);
  await must("tar", ["-xf", debian, "-C", fresh, "debian/patches"]);
  const series = await readFile(join(fresh, "debian/patches/series"), "utf8");
  for (const line of series.split("\n")) {
    const name = line.replace(/#.*/, "").trim().split(" ")[0];
    if (!name) continue;
    // It answers 1 for the files that were not unpacked, and does the others.
    const input = join(fresh, "debian/patches", name);
    await run("patch", ["-p1", "-f", "-s", "-r", "-", "--no-backup-if-mismatch", "-i", input], {
      cwd: join(fresh, "tree"),
    });
  }
  const check = join(fresh, "tree/tests/qemu-iotests/check");
  if (!(await exists(check))) throw new SetupError("QEMU's source package has no tests/qemu-iotests/check");
  await chmod(check, 0o755);
  await rm(join(folder, "tree"), { recursive: true, force: true });
  await rename(join(fresh, "tree"), join(folder, "tree"));
  await rm(fresh, { recursive: true, force: true });
  await writeFile(join(folder, "tree/.complete"), "");
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
async function must(command, args) {
  const { code, output } = await run(command, args);
  if (code !== 0) throw new SetupError(`${command} ${args.join(" ")} failed:\n${output.trim()}`);
}
