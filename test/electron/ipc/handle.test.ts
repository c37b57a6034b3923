import { describe, expect, it } from "vitest";
import { BlockError } from "../../../core/base/errors.ts";
import type { Context } from "../../../electron/context.ts";
import { type Handlers, handle, isOurPage, refused } from "../../../electron/ipc/handle.ts";

describe("who may ask", () => {
  const mainFrame = { url: "app://blkscope/index.html" };
  const contents = { mainFrame };
  const page = { contents, origin: "app://blkscope" };
  const frame = (url: string) => {
    const own = { url };
    return { sender: { mainFrame: own }, senderFrame: own };
  };

  it("is the main frame of our window at our page", () => {
    expect(isOurPage({ sender: contents, senderFrame: mainFrame }, page)).toBe(true);
  });

  it("is not another window, even at our page", () => {
    expect(isOurPage(frame("app://blkscope/index.html"), page)).toBe(false);
  });

  it("is not a frame inside our page", () => {
    expect(isOurPage({ sender: contents, senderFrame: { url: "app://blkscope/index.html" } }, page)).toBe(
      false,
    );
  });

  it.each([
    ["https://blkscope/"],
    ["app://blkscope.example/"],
    ["app://other/"],
    ["file:///etc/passwd"],
    ["about:blank"],
    [""],
    ["data:text/html,x"],
  ])("is not our window gone to %j", (url) => {
    const own = { url };
    const sender = { mainFrame: own };
    expect(isOurPage({ sender, senderFrame: own }, { contents: sender, origin: "app://blkscope" })).toBe(
      false,
    );
  });

  it("is nobody while there is no window, and no frame that is gone", () => {
    expect(isOurPage({ sender: contents, senderFrame: mainFrame }, undefined)).toBe(false);
    expect(isOurPage({ sender: contents, senderFrame: null }, page)).toBe(false);
  });

  it("in development is the page of the development server", () => {
    const own = { url: "http://127.0.0.1:5173/" };
    const sender = { mainFrame: own };
    expect(
      isOurPage({ sender, senderFrame: own }, { contents: sender, origin: "http://127.0.0.1:5173" }),
    ).toBe(true);
  });

  it("gets EACCES otherwise", async () => {
    expect(await refused()).toMatchObject({ ok: false, error: { code: "EACCES" } });
  });
});

describe("a call", () => {
  const context = {} as Context;
  const asked: unknown[] = [];
  // Only the calls asked for below.
  const handlers = {
    "image:locate": (request: unknown, given: unknown) => {
      asked.push(request);
      expect(given).toBe(context);
      return [];
    },
    "image:close": () =>
      Promise.reject(new BlockError("EINVAL", "image 3 is not open", { hint: "Open it." })),
    "app:ready": () => {
      throw new TypeError("oh");
    },
  } as unknown as Handlers;
  const call = (name: unknown, request?: unknown) => handle(handlers, context, name, request);

  it("reaches its handler with the parsed request, and is answered with a Result", async () => {
    expect(await call("image:locate", { image: 1, offset: 2 ** 52 })).toEqual({ ok: true, value: [] });
    expect(asked).toEqual([{ image: 1, offset: 2 ** 52 }]);
  });

  it("that fails is answered with a plain error", async () => {
    expect(await call("image:close", { image: 3 })).toEqual({
      ok: false,
      error: { code: "EINVAL", message: "image 3 is not open", context: { hint: "Open it." }, details: [] },
    });
    expect(await call("app:ready")).toMatchObject({ ok: false, error: { code: "EIO", message: "oh" } });
  });

  it.each([
    ["a member missing", { image: 1 }, "offset"],
    ["a member too many", { image: 1, offset: 0, path: "/etc/passwd" }, "path"],
    ["an offset that is not whole", { image: 1, offset: 0.5 }, "offset"],
    ["an offset below zero", { image: 1, offset: -1 }, "offset"],
    ["an offset beyond 2^53", { image: 1, offset: 2 ** 53 }, "offset"],
    ["text for a number", { image: "1", offset: 0 }, "image"],
    ["nothing", undefined, "expected object"],
  ])("with %s is refused before its handler", async (_what, request, member) => {
    asked.length = 0;
    const answer = await call("image:locate", request);
    expect(answer).toMatchObject({
      ok: false,
      error: { code: "EINVAL", message: expect.stringContaining(member) },
    });
    expect(answer).toMatchObject({ error: { message: expect.stringContaining("image:locate") } });
    expect(asked).toEqual([]);
  });

  it.each([["image:write"], ["toString"], ["__proto__"], ["constructor"], [undefined], [5], [{}]])(
    "by the name %j is refused",
    async (name) => expect(await call(name)).toMatchObject({ ok: false, error: { code: "EINVAL" } }),
  );
});
