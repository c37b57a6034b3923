import { describe, expect, it } from "vitest";
import { driverForms } from "../../../electron/graphs.ts";
import type { DriverForm } from "../../../electron/ipc/contract.ts";
import {
  type Draft,
  type Forms,
  type ListDraft,
  moved,
  type NodeDraft,
  newNode,
  placeOfError,
  problemsByKey,
  removed,
  text,
  toOptions,
  withDriver,
  withValue,
} from "../../../renderer/openAs/draft.ts";
import { fileRef, plainError } from "../fakeBridge.ts";

const forms: Forms = new Map(driverForms().map((form: DriverForm) => [form.name, form]));
const file = (name: string): Draft => ({ kind: "file", file: fileRef(name) });
const set = (node: NodeDraft, place: readonly (string | number)[], value: Draft) =>
  withValue(node, place, value) as NodeDraft;

describe("a graph that is filled in", () => {
  it("begins a quorum with three copies of which two have to agree", () => {
    const quorum = newNode("quorum", forms);
    expect(toOptions(quorum, forms)).toEqual({
      driver: "quorum",
      children: [1, 2, 3].map(() => ({ file: { driver: "file" } })),
      "vote-threshold": "2",
    });
  });

  it("carries tokens where the command line has file names, and nothing that is empty", () => {
    let graph = newNode("blkverify", forms);
    graph = set(graph, ["raw", "filename"], file("a.raw"));
    graph = set(graph, ["test", "filename"], file("b.qed"));
    graph = set(graph, ["answer"], text("  "));
    expect(toOptions(graph, forms)).toEqual({
      driver: "blkverify",
      raw: { file: { driver: "file", filename: "token-a.raw" } },
      test: { file: { driver: "file", filename: "token-b.qed" } },
    });
  });

  it("puts a format on a file as it is, and keeps the file when the driver changes", () => {
    const detected = set(newNode("", forms), ["filename"], file("a.img"));
    const raw = withDriver(detected, "raw", forms);
    expect(toOptions(raw, forms)).toEqual({
      driver: "raw",
      file: { driver: "file", filename: "token-a.img" },
    });
    expect(toOptions(withDriver(raw, "", forms), forms)).toEqual({
      file: { driver: "file", filename: "token-a.img" },
    });
    expect(toOptions(withDriver(raw, "host_device", forms), forms)).toEqual({
      driver: "host_device",
      filename: "token-a.img",
    });
  });

  it("moves and removes members of a list", () => {
    const quorum = set(newNode("quorum", forms), ["children", 0, "filename"], file("first"));
    const list = quorum.values.children as ListDraft;
    const names = (given: ListDraft) =>
      given.members.map(({ value }) => (value.kind === "node" && value.values.filename ? "first" : "-"));
    expect(names(list)).toEqual(["first", "-", "-"]);
    expect(names(moved(list, 0, 1))).toEqual(["-", "first", "-"]);
    expect(names(removed(list, 0))).toEqual(["-", "-"]);
    expect(moved(list, 0, 1).members[1]?.key).toBe(list.members[0]?.key);
  });
});

describe("what is wrong", () => {
  const quorum = newNode("quorum", forms);

  it("stands at the field of the form: a detected node's file is a field of that node", () => {
    const problems = [
      { place: ["children", "1", "file", "filename"], message: "Choose a file." },
      { place: ["vote-threshold"], message: "Must be a whole number." },
    ];
    expect([...problemsByKey(quorum, problems, forms)]).toEqual([
      ["children.1.filename", "Choose a file."],
      ["vote-threshold", "Must be a whole number."],
    ]);
  });

  it("stands at the member of a group it is about", () => {
    const debug = withValue(newNode("blkdebug", forms), ["inject-error"], {
      kind: "list",
      members: [{ key: 1, value: { kind: "group", values: {} } }],
    }) as NodeDraft;
    const problems = [{ place: ["inject-error", "0", "event"], message: "Must be given." }];
    expect([...problemsByKey(debug, problems, forms).keys()]).toEqual(["inject-error.0.event"]);
  });

  it.each([
    [
      "the file that is missing",
      "ENOENT",
      { place: "children.1.file", path: "/gone" },
      "children.1.filename",
    ],
    ["the option that is to blame", "EINVAL", { place: "", option: "vote-threshold" }, "vote-threshold"],
    ["the node that refused", "EIO", { place: "" }, ""],
    ["the nearest node of the form", "EINVAL", { place: "children.2.backing.file" }, "children.2"],
  ] as const)("is shown at %s when the opening fails", (_what, code, context, key) => {
    expect(placeOfError(quorum, { ...plainError("x"), code, context }, forms)).toBe(key);
  });
});
