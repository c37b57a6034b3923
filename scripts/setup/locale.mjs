// The character set of file names. Without a locale (containers, cron) Chromium takes names for ASCII and loses
// the path of a dropped file whose name is not; C.UTF-8 is there on every glibc system.

/** Gives this process's children UTF-8 where no locale says otherwise. */
export function ensureUtf8(env = process.env, platform = process.platform) {
  if (platform !== "linux") return;
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || "C";
  if (locale !== "C" && locale !== "POSIX") return;
  delete env.LC_ALL; // it would win over the one set here
  env.LC_CTYPE = "C.UTF-8";
}
