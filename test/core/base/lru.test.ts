import { describe, expect, it } from "vitest";
import { Lru } from "../../../core/base/lru.ts";

describe("a bounded map", () => {
  it("forgets what was used longest ago", () => {
    const map = new Lru<string, number>(2);
    map.set("a", 1);
    map.set("b", 2);
    map.get("a");
    map.set("c", 3);
    expect([map.get("a"), map.get("b"), map.get("c")]).toEqual([1, undefined, 3]);
    expect(map.size).toBe(2);
  });

  it("weighs its values", () => {
    const map = new Lru<string, Uint8Array>(100, (value) => value.length);
    map.set("a", new Uint8Array(60));
    map.set("b", new Uint8Array(40));
    expect(map.size).toBe(2);
    map.set("c", new Uint8Array(1));
    expect(map.get("a")).toBeUndefined();
    expect(map.size).toBe(2);
  });

  it("counts a replaced value once", () => {
    const map = new Lru<string, number>(10, (value) => value);
    map.set("a", 9);
    map.set("a", 4);
    map.set("b", 6);
    expect([map.get("a"), map.get("b")]).toEqual([4, 6]);
  });

  it("keeps the newest entry even when it alone is above the limit", () => {
    const map = new Lru<string, number>(10, (value) => value);
    map.set("a", 1);
    map.set("b", 50);
    expect([map.get("a"), map.get("b")]).toEqual([undefined, 50]);
  });

  it("has room again after a deletion and after being cleared", () => {
    const map = new Lru<string, number>(10, (value) => value);
    map.set("a", 10);
    map.delete("a");
    map.set("b", 5);
    map.set("c", 5);
    expect(map.size).toBe(2);
    map.clear();
    expect(map.get("b")).toBeUndefined();
    map.set("d", 10);
    expect(map.size).toBe(1);
  });
});
