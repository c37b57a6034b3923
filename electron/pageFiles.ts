// The files behind app://blkscope/: those inside dist/renderer, packed or not, for GET, and nothing else.
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import * as path from "node:path";
import { pagePolicy } from "./contentPolicy.ts";

export const appScheme = "app";
const host = "blkscope";
export const appOrigin = `${appScheme}://${host}`;
export const appPage = `${appOrigin}/index.html`;

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
  ".woff": "font/woff",
};

/**
 * The file in `folder` that an address means; undefined for another host, anything outside the folder, and
 * names no file of ours has (encoded separators, NUL, a drive letter).
 */
export function fileOfAddress(address: string, folder: string): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  if (url.protocol !== `${appScheme}:` || url.host !== host) return undefined;
  let name: string;
  try {
    name = decodeURIComponent(url.pathname);
  } catch {
    return undefined;
  }
  const parts = name.split("/").filter((part) => part !== "");
  if (parts.some((part) => !/^[\w.-]+$/.test(part) || /^\.+$/.test(part))) return undefined;
  return path.join(folder, ...(parts.length === 0 ? ["index.html"] : parts));
}

/** The answer to one request. */
export async function respond(request: Request, folder: string): Promise<Response> {
  if (request.method !== "GET") return refusal(405, "Method not allowed");
  const file = fileOfAddress(request.url, folder);
  const type = file && types[path.extname(file)];
  if (file === undefined || type === undefined) return refusal(404, "Not found");
  let body: Buffer;
  try {
    body = await readFile(file);
  } catch {
    const isPage = type.startsWith("text/html");
    return refusal(
      404,
      isPage ? "The page is missing. Install Blkscope again; in a clone, npm run build." : "Not found",
    );
  }
  const headers = { "content-type": type, "x-content-type-options": "nosniff" };
  if (!type.startsWith("text/html")) return new Response(new Uint8Array(body), { headers });
  const nonce = randomBytes(16).toString("base64");
  return new Response(withNonce(body.toString("utf8"), nonce), {
    headers: { ...headers, "content-security-policy": pagePolicy(nonce) },
  });
}

/** Puts the nonce where React Aria looks for it. Scripts cannot read it from the attribute's text. */
function withNonce(html: string, nonce: string): string {
  return html.replace("<head>", `<head><meta property="csp-nonce" nonce="${nonce}">`);
}

function refusal(status: number, text: string): Response {
  return new Response(text, {
    status,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "content-security-policy": "default-src 'none'",
      "x-content-type-options": "nosniff",
    },
  });
}
