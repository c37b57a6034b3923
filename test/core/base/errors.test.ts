import { describe, expect, it } from "vitest";
import { asBlockError, BlockError, fromPlain, toPlain } from "../../../core/base/errors.ts";

describe("errors at the edge of a thread", () => {
  const cause = new Error("inner", { cause: new TypeError("innermost") });
  const error = new BlockError(
    "ECORRUPT",
    "cluster_size is 5",
    { path: "/a", offset: 4, hint: "Do it." },
    { cause },
  );

  it("keep code, message, context and the chain of causes as plain data", () => {
    const plain = structuredClone(toPlain(error));
    expect(plain).toEqual({
      code: "ECORRUPT",
      message: "cluster_size is 5",
      context: { path: "/a", offset: 4, hint: "Do it." },
      details: ["Error: inner", "TypeError: innermost"],
    });
  });

  it("become a BlockError again on the other side", () => {
    const back = fromPlain(toPlain(error));
    expect(back).toBeInstanceOf(BlockError);
    expect(back.code).toBe("ECORRUPT");
    expect(back.context).toEqual(error.context);
    expect(back.cause).toMatchObject({ message: "Error: inner", cause: { message: "TypeError: innermost" } });
  });

  it("end a circle of causes", () => {
    const loop = new Error("loop");
    loop.cause = loop;
    expect(toPlain(new BlockError("EIO", "x", {}, { cause: loop })).details).toHaveLength(8);
  });

  it("are made of whatever was thrown", () => {
    expect(asBlockError(error)).toBe(error);
    expect(asBlockError(new RangeError("too long"))).toMatchObject({ code: "EIO", message: "too long" });
    expect(asBlockError("text")).toMatchObject({ code: "EIO", message: "text" });
  });
});
