// How the app is packed. `npm run package` adds the Electron runtime to pack (scripts/package.mjs).
import { rm } from "node:fs/promises";
import { join } from "node:path";

/** Disk images have their own programs on most systems: Blkscope is offered under "Open with", never the default. */
const fileAssociations = [
  { ext: "qed", name: "QED disk image", mimeType: "application/x-qed-disk" },
  { ext: "qcow2", name: "QCOW2 disk image", mimeType: "application/x-qemu-disk" },
  { ext: ["img", "raw"], name: "Raw disk image", mimeType: "application/x-raw-disk-image" },
  { ext: "blkscope-undo", name: "Blkscope undo journal", mimeType: "application/x-blkscope-undo" },
].map((one) => ({ ...one, role: "Viewer", rank: "Alternate" }));

/** The default app belongs to Electron as a development tool. */
async function removeDefaultApp(
  /** @type {import("electron-builder").AfterPackContext} */ { appOutDir, packager },
) {
  await rm(join(packager.getResourcesDir(appOutDir), "default_app.asar"), { force: true });
}

/** @satisfies {import("electron-builder").Configuration} */
const config = {
  appId: "io.blkscope.app",
  productName: "Blkscope",
  copyright: "MIT licence, the Blkscope developers",
  directories: { output: "release", buildResources: "assets" },
  // Everything but koffi and the zstd codec is bundled into dist/ by the build.
  files: [
    "dist/**",
    "!dist/*.stamp",
    "package.json",
    "LICENSE",
    "!node_modules/zod",
    "!node_modules/koffi/{doc,vendor,lib/native}",
  ],
  asar: true,
  // A shared library is loaded from a real file; the command line, and what it loads, by a Node of the system's own.
  asarUnpack: [
    "node_modules/koffi/**",
    "node_modules/@koromix/**",
    "node_modules/@foxglove/wasm-zstd/**",
    "dist/cli/**",
  ],
  // Main looks for these beside the app: images must be real files, whose holes the system can be asked for.
  extraResources: [
    { from: "assets/samples", to: "samples", filter: ["*.qed", "*.raw"] },
    { from: "assets/icons/png/256x256.png", to: "icons/png/256x256.png" },
  ],
  npmRebuild: false, // koffi comes prebuilt through N-API
  removePackageScripts: true,
  afterPack: removeDefaultApp,
  electronLanguages: ["en-US"],
  electronFuses: {
    runAsNode: false,
    enableNodeOptionsEnvironmentVariable: false,
    enableNodeCliInspectArguments: false,
    onlyLoadAppFromAsar: true,
    enableEmbeddedAsarIntegrityValidation: true, // macOS and Windows; has no effect elsewhere
    grantFileProtocolExtraPrivileges: false, // pages come over the app's own protocol
    enableCookieEncryption: false, // the app keeps no cookies, and the key store would ask for a password
  },
  // biome-ignore lint/suspicious/noTemplateCurlyInString: electron-builder fills these in
  artifactName: "blkscope-${version}-${os}-${arch}.${ext}",
  linux: {
    target: ["dir", "tar.gz", "deb", "AppImage"],
    category: "Development",
    synopsis: "Shows disk-image corruption the first time it happens",
    executableName: "blkscope",
    icon: "assets/icons/png",
    fileAssociations,
  },
  deb: {
    packageCategory: "utils",
    priority: "optional",
    maintainer: "The Blkscope developers <blkscope@localhost>",
  },
  mac: {
    target: ["dmg"],
    category: "public.app-category.developer-tools",
    icon: "assets/icons/icon.icns",
    fileAssociations,
  },
  // On Windows an association always becomes the default, so the installer registers "Open with" itself.
  win: { target: ["nsis"], icon: "assets/icons/icon.ico" },
  nsis: { oneClick: false, include: "assets/installer/openWith.nsh" },
};

export default config;
