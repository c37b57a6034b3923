import { expect, it } from "vitest";
import { parseImageOpts } from "../../core/cli/imageOpts.ts";
import { FileTokens } from "../../electron/files.ts";
import { checkGraph, driverForms, GraphTokens, imageOptsText, jsonText } from "../../electron/graphs.ts";

const files = new FileTokens();
const token = (path: string) => files.refOf(path).token;
const image = (path: string) => ({ file: { driver: "file", filename: token(path) } });
const quorum = (...paths: string[]) => ({
  driver: "quorum",
  children: paths.map(image),
  "vote-threshold": "2",
});

it("puts paths in place of tokens", () => {
  const { options, problems, files: named } = checkGraph(quorum("/a.raw", "/b.raw"), files);
  expect(problems).toEqual([]);
  expect(options).toEqual({
    driver: "quorum",
    children: ["/a.raw", "/b.raw"].map((filename) => ({ file: { driver: "file", filename } })),
    "vote-threshold": "2",
  });
  expect(named.map(({ name }) => name)).toEqual(["a.raw", "b.raw"]);
});

it("says what is missing and what the driver's own schema finds wrong, each by its place", () => {
  const tree = {
    driver: "quorum",
    children: [image("/a.raw"), { file: { driver: "file" } }],
    "read-pattern": "lifo",
  };
  expect(checkGraph(tree, files).problems).toEqual([
    { place: ["children", "1", "file", "filename"], message: "Choose a file." },
  ]);
  const whole = { ...tree, children: [image("/a.raw")] };
  expect(checkGraph(whole, files).problems).toEqual([
    { place: ["read-pattern"], message: "Please set read-pattern as fifo or quorum." },
  ]);
  const rules = {
    driver: "blkdebug",
    image: image("/a.raw"),
    "inject-error": [{ event: "no_such_event" }],
  };
  expect(checkGraph(rules, files).problems).toMatchObject([{ place: ["inject-error", "0", "event"] }]);
  const named = { ...quorum("/a.raw", "/b.raw"), "node-name": "1st" };
  expect(checkGraph(named, files).problems).toMatchObject([{ place: ["node-name"] }]);
});

it.each([
  ["a path in place of a token", { driver: "file", filename: "/etc/passwd" }],
  ["a path beside a detected format", { filename: "/etc/passwd" }],
  ["a name with a protocol", { file: "json:{}" }],
  ["an option that the form does not have", { ...quorum("/a.raw"), "unshare-child-perms": [] }],
  ["a driver that writes what it reads", { driver: "copy-on-read", file: image("/a.raw") }],
  ["a driver that only changes what is written", { driver: "compress", file: image("/a.raw") }],
  ["a driver of no registry", { driver: "__proto__" }],
  ["a list in place of a value", { ...quorum("/a.raw"), "vote-threshold": [2] }],
  ["a node in place of a file", { driver: "file", filename: { driver: "file" } }],
])("refuses %s, whoever asks", (_what, tree) => {
  expect(() => checkGraph(tree, files)).toThrow(expect.objectContaining({ code: "EINVAL" }));
});

it("refuses graphs deeper or larger than a person makes by hand", () => {
  let deep: unknown = image("/a.raw");
  for (let level = 0; level < 40; level++) deep = { driver: "raw", file: deep };
  expect(() => checkGraph(deep, files)).toThrow("nested deeper");
  const wide = quorum(...Array.from({ length: 600 }, () => "/a.raw"));
  expect(() => checkGraph(wide, files)).toThrow("more than 1000 nodes");
});

it("gives the graph to the command line in words that it reads back", () => {
  const { options } = checkGraph(quorum("/with, comma.raw", "/b.raw"), files);
  expect(parseImageOpts(imageOptsText(options))).toEqual(options);
  expect(JSON.parse(jsonText(options).slice("json:".length))).toEqual(options);
});

it("keeps a graph under one token, with the names of its files", () => {
  const graphs = new GraphTokens(files);
  const checked = checkGraph(quorum("/one/a.raw", "/two/b.raw"), files);
  const ref = graphs.keep(checked);
  expect(ref).toMatchObject({ name: "quorum (a.raw, b.raw)", folder: "/one, /two", isGraph: true });
  expect(graphs.keep(checkGraph(quorum("/one/a.raw", "/two/b.raw"), files)).token).toBe(ref.token);
  expect(graphs.get(ref.token)).toMatchObject({
    options: checked.options,
    paths: ["/one/a.raw", "/two/b.raw"],
  });
  expect(graphs.get(token("/one/a.raw"))).toBeUndefined();
});

it("offers every driver that can read", () => {
  expect(driverForms().map(({ name }) => name)).toEqual([
    "file",
    "host_device",
    "host_cdrom",
    "memory",
    "null-co",
    "null-aio",
    "raw",
    "qed",
    "qcow2",
    "blkverify",
    "quorum",
    "blklogwrites",
    "logstate",
    "blkdebug",
    "bundle",
  ]);
});
