import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { developmentServer, hardenContents, hardenSession, isOfServer } from "../../electron/hardening.ts";

describe("the development server", () => {
  it("is one of this computer, in a clone", () => {
    expect(developmentServer("http://127.0.0.1:5173/", false)?.origin).toBe("http://127.0.0.1:5173");
    expect(developmentServer("http://localhost:5173", false)?.host).toBe("localhost:5173");
  });

  it.each([
    ["http://127.0.0.1:5173/", true],
    ["http://example.org/", false],
    ["http://127.0.0.1.example.org/", false],
    ["https://127.0.0.1/", false],
    ["file:///etc", false],
    ["nonsense", false],
    ["", false],
    [undefined, false],
  ])("is not %s when packed is %s", (address, packed) => {
    expect(developmentServer(address, packed)).toBeUndefined();
  });

  it("is told from others by host and port", () => {
    const server = new URL("http://127.0.0.1:5173/");
    expect(isOfServer("http://127.0.0.1:5173/main.tsx", server)).toBe(true);
    expect(isOfServer("ws://127.0.0.1:5173/", server)).toBe(true);
    expect(isOfServer("http://127.0.0.1:80/", server)).toBe(false);
    expect(isOfServer("https://127.0.0.1:5173/", server)).toBe(false);
    expect(isOfServer("file:///etc/passwd", server)).toBe(false);
  });
});

/** What a session was told, by the name of the method. */
function fakeSession() {
  const told: Record<string, (...args: never[]) => unknown> = {};
  const keep = (name: string) => (handler: never) => {
    told[name] = handler;
  };
  const session = {
    setPermissionRequestHandler: keep("request"),
    setPermissionCheckHandler: keep("check"),
    setDevicePermissionHandler: keep("device"),
    on: (name: string, handler: never) => keep(name)(handler),
    webRequest: {
      onBeforeRequest: ({ urls }: { urls: string[] }, handler: never) => {
        for (const url of urls) keep(url)(handler);
      },
      onHeadersReceived: keep("headers"),
    },
  };
  return { told, session: session as unknown as Electron.Session };
}

describe("the session", () => {
  it("denies every permission, device and download", () => {
    const { told, session } = fakeSession();
    hardenSession(session, undefined);
    const answers: boolean[] = [];
    told.request?.(...([{}, "geolocation", (allowed: boolean) => answers.push(allowed)] as never[]));
    expect(answers).toEqual([false]);
    expect([told.check?.(), told.device?.()]).toEqual([false, false]);
    expect(prevented(told["will-download"])).toBe(true);
  });

  it("cancels every request to a network", () => {
    const { told, session } = fakeSession();
    hardenSession(session, undefined);
    for (const pattern of ["http://*/*", "https://*/*", "ws://*/*", "wss://*/*"]) {
      let answer: unknown;
      const request = [
        { url: pattern.replaceAll("*", "example") },
        (given: unknown) => (answer = given),
      ] as never[];
      told[pattern]?.(...request);
      expect([pattern, answer]).toEqual([pattern, { cancel: true }]);
    }
    expect(told.headers).toBeUndefined();
  });

  it("lets the development server through, with a policy of its own", () => {
    const { told, session } = fakeSession();
    hardenSession(session, new URL("http://localhost:5173/"));
    const answers: unknown[] = [];
    const take = (given: unknown) => answers.push(given);
    told["http://*/*"]?.(...([{ url: "http://localhost:5173/x.ts" }, take] as never[]));
    told["http://*/*"]?.(...([{ url: "http://localhost:99/" }, take] as never[]));
    told.headers?.(...([{ responseHeaders: { etag: ["1"] } }, take] as never[]));
    expect(answers).toEqual([
      { cancel: false },
      { cancel: true },
      {
        responseHeaders: {
          etag: ["1"],
          "content-security-policy": [expect.stringContaining("ws://localhost:5173")],
        },
      },
    ]);
  });
});

function prevented(handler: ((...args: never[]) => unknown) | undefined): boolean {
  let was = false;
  handler?.(...([{ preventDefault: () => (was = true) }] as never[]));
  return was;
}

it("no page of the app can leave, open a window or embed another", () => {
  const app = new EventEmitter();
  hardenContents(app as unknown as Electron.App);
  let open: unknown;
  const contents = Object.assign(new EventEmitter(), {
    setWindowOpenHandler: (handler: () => unknown) => (open = handler()),
  });
  app.emit("web-contents-created", {}, contents);
  expect(open).toEqual({ action: "deny" });
  for (const name of ["will-navigate", "will-frame-navigate", "will-redirect", "will-attach-webview"]) {
    let was = false;
    contents.emit(name, { preventDefault: () => (was = true) });
    expect([name, was]).toEqual([name, true]);
  }
});
