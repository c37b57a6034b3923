import { expect, it } from "vitest";
import { developmentPolicy, pagePolicy } from "../../electron/contentPolicy.ts";

const sources = (policy: string) =>
  Object.fromEntries(
    policy.split("; ").map((part) => [part.split(" ")[0], part.split(" ").slice(1).join(" ")]),
  );

it("the page may load from the app alone, run no inline script and no eval", () => {
  expect(sources(pagePolicy("abc"))).toEqual({
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'nonce-abc'",
    "style-src-attr": "'unsafe-inline'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "worker-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
  });
});

it("in development the page may reach its server's socket, and still nothing else", () => {
  const policy = sources(developmentPolicy(new URL("http://127.0.0.1:5173/")));
  expect(policy["connect-src"]).toBe("'self' ws://127.0.0.1:5173");
  expect(policy["default-src"]).toBe("'none'");
  expect(Object.values(policy).join(" ")).not.toContain("*");
});
