import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fileOfAddress, respond } from "../../electron/pageFiles.ts";

describe("addresses of the page", () => {
  it.each([
    ["app://blkscope/", "/r/index.html"],
    ["app://blkscope/index.html", "/r/index.html"],
    ["app://blkscope/assets/main-B1_x.js?v=1#top", "/r/assets/main-B1_x.js"],
    ["app://blkscope/a/../b.css", "/r/b.css"],
    ["app://blkscope/../../etc/passwd", "/r/etc/passwd"], // the address itself has no above
  ])("%s is %s", (address, file) => expect(fileOfAddress(address, "/r")).toBe(file));

  it.each([
    ["app://other/index.html"],
    ["file:///etc/passwd"],
    ["https://blkscope/index.html"],
    ["not an address"],
    ["app://blkscope/..%2f..%2fetc%2fpasswd"],
    ["app://blkscope/%2e%2e%5c%2e%2e%5cwindows"],
    ["app://blkscope/a%5cb.js"],
    ["app://blkscope/a%00.js"],
    ["app://blkscope/C:/x.js"],
    ["app://blkscope/%E0%A4%A"],
    ["app://blkscope:8080/index.html"],
  ])("%s is no file of the page", (address) => expect(fileOfAddress(address, "/r")).toBeUndefined());
});

describe("answers", () => {
  let outside: string;
  let folder: string;
  beforeAll(() => {
    outside = mkdtempSync(join(tmpdir(), "blkscope-page-"));
    folder = join(outside, "renderer");
    mkdirSync(join(folder, "assets"), { recursive: true });
    writeFileSync(join(outside, "secret.json"), "{}");
    writeFileSync(join(folder, "index.html"), "<html><head><title>x</title></head></html>");
    writeFileSync(join(folder, "assets/main.js"), "export {};");
    writeFileSync(join(folder, "assets/mono.woff2"), Buffer.from([1, 2, 3]));
    writeFileSync(join(folder, "assets/notes.txt"), "no type of ours");
  });
  afterAll(() => rmSync(outside, { recursive: true, force: true }));
  const get = (path: string, method = "GET") =>
    respond(new Request(`app://blkscope${path}`, { method }), folder);

  it("are the file with its type", async () => {
    const script = await get("/assets/main.js");
    expect([script.status, await script.text()]).toEqual([200, "export {};"]);
    expect(script.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    expect(script.headers.get("x-content-type-options")).toBe("nosniff");
    const font = await get("/assets/mono.woff2");
    expect(font.headers.get("content-type")).toBe("font/woff2");
    expect([...new Uint8Array(await font.arrayBuffer())]).toEqual([1, 2, 3]);
  });

  it("carry the policy with the page, and a nonce of its own each time in both", async () => {
    const nonces = await Promise.all(
      [await get("/"), await get("/index.html")].map(async (page) => {
        const nonce = /nonce="([^"]+)"/.exec(await page.text())?.[1];
        expect(page.headers.get("content-security-policy")).toContain(`style-src 'self' 'nonce-${nonce}'`);
        return nonce;
      }),
    );
    expect(nonces[0]).toHaveLength(24); // 16 bytes in base64
    expect(nonces[0]).not.toBe(nonces[1]);
  });

  it.each([
    ["/secret.json"],
    ["/..%2fsecret.json"],
    ["/%2e%2e/secret.json"],
    ["/assets"],
    ["/assets/notes.txt"],
    ["/x.js"],
  ])("are 404 for %s", async (path) => {
    const answer = await get(path);
    expect(answer.status).toBe(404);
    expect(answer.headers.get("content-security-policy")).toBe("default-src 'none'");
  });

  it("are for GET alone", async () => {
    expect((await get("/index.html", "POST")).status).toBe(405);
  });

  it("say what to do when the page itself is missing", async () => {
    const answer = await respond(new Request("app://blkscope/"), join(outside, "nowhere"));
    expect(answer.status).toBe(404);
    expect(await answer.text()).toContain("npm run build");
  });
});
