// npm run dev [-- FILE...]: the app with reload on change. The renderer is served by vite, which replaces modules
// in the running window; Node's side is rebuilt by esbuild, and the app started anew when it changed.
import { spawn } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { stampFile } from "./build/build.mjs";
import { nodeBuilds } from "./build/node.mjs";
import { electronArgs, electronPath } from "./setup/electron.mjs";
import { inRoot, root } from "./setup/paths.mjs";
import { nodeEnv } from "./setup/run.mjs";
import { runMain, say } from "./setup/say.mjs";
import { setUp } from "./setup/setup.mjs";

/** Serves renderer/ and answers the address. */
async function serveRenderer() {
  const { createServer } = await import("vite");
  const server = await createServer({ configFile: inRoot("vite.config.ts") });
  await server.listen();
  const url = server.resolvedUrls?.local[0];
  if (url === undefined) throw new Error("vite's server has no local address");
  return { url, close: () => server.close() };
}

/**
 * Bundles Node's side now and after every change; esbuild prints what is wrong with a source.
 * @param {() => void} onBuilt called after each change, once all bundles are written
 */
async function watchNode(onBuilt) {
  const { context } = await import("esbuild");
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const onChange = () => {
    clearTimeout(timer); // one source is part of several bundles: wait for the last of them
    timer = setTimeout(onBuilt, 200);
  };
  const watch = async (/** @type {import("esbuild").BuildOptions} */ options) => {
    let isBuilt = false;
    /** @type {(value?: unknown) => void} */
    let tellFirst = () => {};
    const first = new Promise((resolve) => {
      tellFirst = resolve;
    });
    const onEnd = (/** @type {import("esbuild").BuildResult} */ { errors }) => {
      if (!isBuilt) tellFirst();
      else if (errors.length === 0) onChange();
      isBuilt = true;
    };
    /** @type {import("esbuild").Plugin} */
    const plugin = { name: "tell", setup: (build) => build.onEnd(onEnd) };
    const one = await context({ ...options, logLevel: "warning", plugins: [plugin] });
    await one.watch({ delay: 100 });
    await first;
    return one;
  };
  const contexts = await Promise.all((await nodeBuilds({ development: true })).map(watch));
  return { close: () => Promise.all(contexts.map((one) => one.dispose())) };
}

/** Runs the app; `restart` ends it and starts it anew, `ended` resolves when the person closed it. */
function runApp(/** @type {string} */ url) {
  /** @type {import("node:child_process").ChildProcess} */
  let child;
  let isRestarting = false;
  /** @type {(code: number) => void} */
  let end = () => {};
  const ended = new Promise((/** @type {(code: number) => void} */ resolve) => {
    end = resolve;
  });
  const start = () => {
    const args = [...electronArgs(), root, ...process.argv.slice(2)];
    const started = spawn(electronPath(), args, {
      cwd: process.env.INIT_CWD ?? process.cwd(),
      env: nodeEnv({ BLKSCOPE_DEV_SERVER: url }),
      stdio: "inherit",
    });
    child = started;
    started.on("exit", (code) => {
      if (isRestarting) start();
      else end(code ?? 1);
    });
    isRestarting = false;
  };
  const restart = () => {
    say("dev: Node's side changed, starting the app anew");
    isRestarting = true;
    child.kill();
  };
  start();
  return { ended, restart, stop: () => child.kill() };
}

await runMain(async () => {
  await setUp();
  await mkdir(inRoot("dist"), { recursive: true });
  await rm(stampFile("node"), { force: true }); // dist/ is no longer what a build made
  const renderer = await serveRenderer();
  /** @type {ReturnType<typeof runApp> | undefined} */
  let app;
  const node = await watchNode(() => app?.restart());
  app = runApp(renderer.url);
  process.on("exit", app.stop);
  const code = await app.ended;
  await Promise.all([renderer.close(), node.close()]);
  return code;
});
