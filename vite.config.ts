// The renderer: built into dist/renderer for the app protocol (relative addresses), served from here by
// `npm run dev`.
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  // Absolute, because the command line builds from whatever folder it is called in.
  root: fileURLToPath(new URL("renderer", import.meta.url)),
  base: "./",
  publicDir: false,
  plugins: [react()],
  worker: { format: "es" },
  build: {
    outDir: "../dist/renderer",
    emptyOutDir: true,
    target: "chrome130", // Electron 33, the older of the runtimes it must run on
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // the content policy allows no data: addresses for fonts
    chunkSizeWarningLimit: 2000, // read from the disk, not from a network
  },
  server: { host: "127.0.0.1", strictPort: false },
});
