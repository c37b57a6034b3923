import { describe, expect, it } from "vitest";
import { parseOptionJson } from "../../../core/base/optionJson.ts";

describe("JSON in an image's name", () => {
  it.each([
    '{"a": [1, -2.5e3, true, false, null, "x\\n\\u00e9\\"\'"], "b": {}, "c": []}',
    ' "text" ',
    '{"__proto__": 1, "constructor": 2}',
  ])("means what JSON says: %s", (text) => {
    expect(JSON.stringify(parseOptionJson(text))).toBe(JSON.stringify(JSON.parse(text)));
  });

  it("may have strings in single quotes", () => {
    expect(parseOptionJson(`{'driver': 'it\\'s "raw"'}`)).toEqual({ driver: `it's "raw"` });
  });

  it.each([
    ["", "Expecting a JSON value"],
    ["  ", "Expecting a JSON value"],
    ["{", "JSON parse error, premature EOI"],
    ['{"a"', "JSON parse error, premature EOI"],
    ['{"a":', "JSON parse error, premature EOI"],
    ['{"a" 1}', "JSON parse error, missing : in object pair"],
    ['{"a":foo}', "JSON parse error, invalid keyword 'foo'"],
    ["{1:2}", "JSON parse error, key is not a string in object"],
    ['{"a":1 "b"}', "JSON parse error, expected separator in dict"],
    ["[1 2]", "JSON parse error, expected separator in list"],
    ["[1,]", "JSON parse error, expecting value"],
    ['{"a":1,"a":2}', "JSON parse error, duplicate key"],
    ["{} x", "Expecting at most one JSON value"],
    ["{/* c */}", "JSON parse error, stray '/'"],
    ['{"a":"\\x"}', "JSON parse error, invalid escape sequence in string"],
    ['{"a":"b', "JSON parse error, stray '\"b'"],
    [`${"[".repeat(100_000)}`, "nested deeper than 1000"],
    [`"${"x".repeat(5_000_000)}`, "JSON parse error, stray"],
  ])("is refused where it is none: %.30s", (text, message) => {
    expect(() => parseOptionJson(text)).toThrow(message);
  });
});
