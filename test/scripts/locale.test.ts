// Where no locale is set, children get UTF-8 names of files; a locale that was chosen stays.
import { expect, it } from "vitest";
import { ensureUtf8 } from "../../scripts/setup/locale.mjs";

it.each([
  [{}, { LC_CTYPE: "C.UTF-8" }],
  [{ LC_ALL: "C" }, { LC_CTYPE: "C.UTF-8" }],
  [{ LANG: "POSIX" }, { LANG: "POSIX", LC_CTYPE: "C.UTF-8" }],
  [{ LANG: "de_DE.UTF-8" }, { LANG: "de_DE.UTF-8" }],
  [
    { LC_ALL: "en_US.ISO-8859-1", LANG: "C" },
    { LC_ALL: "en_US.ISO-8859-1", LANG: "C" },
  ],
])("%o becomes %o", (before, after) => {
  const env: NodeJS.ProcessEnv = { ...before };
  ensureUtf8(env, "linux");
  expect(env).toEqual(after);
});

it("leaves other systems alone", () => {
  const env: NodeJS.ProcessEnv = {};
  ensureUtf8(env, "darwin");
  expect(env).toEqual({});
});
