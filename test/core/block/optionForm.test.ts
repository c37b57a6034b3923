import { expect, it } from "vitest";
import { describeOptions } from "../../../core/block/optionForm.ts";
import { driverNamed, drivers } from "../../../core/registry.ts";

const fields = (driver: string) => describeOptions(driverNamed(driver)?.options ?? expect.fail(driver));
const field = (driver: string, name: string) => fields(driver).find((one) => one.name === name);

it("describes the options of quorum as its schema parses them", () => {
  expect(fields("quorum").map(({ help: _help, ...facts }) => facts)).toEqual([
    { name: "children", kind: "list", member: { kind: "child" }, required: true },
    { name: "vote-threshold", kind: "integer", required: false, default: 0 },
    { name: "blkverify", kind: "switch", required: false, default: false },
    { name: "rewrite-corrupted", kind: "switch", required: false, default: false },
    {
      name: "read-pattern",
      kind: "choice",
      values: ["quorum", "fifo"],
      required: false,
      default: "quorum",
    },
  ]);
});

it("describes files, sizes, children, rules and plain text", () => {
  expect(field("file", "filename")).toEqual({ name: "filename", kind: "file", required: true });
  expect(field("raw", "offset")).toMatchObject({ kind: "size", required: false });
  expect(field("qed", "backing")).toMatchObject({ kind: "child", required: false });
  expect(field("blklogwrites", "log")).toMatchObject({ kind: "child", required: true });
  expect(field("null-co", "latency-ns")).toMatchObject({ kind: "integer", required: false });
  expect(field("blkdebug", "config")).toMatchObject({ kind: "file", required: false });
  const rules = field("blkdebug", "inject-error");
  expect(rules).toMatchObject({ kind: "list", required: false, member: { kind: "group" } });
  const member = rules?.kind === "list" && rules.member.kind === "group" ? rules.member.fields : [];
  expect(member.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
    "event text",
    "state integer",
    "errno integer",
    "sector integer",
    "once switch",
    "immediately switch",
    "iotype choice",
  ]);
});

it("leaves out what nobody can type, and nothing else", () => {
  const untypable: Readonly<Record<string, readonly string[]>> = {
    memory: ["bytes"],
    blkdebug: ["take-child-perms", "unshare-child-perms"],
  };
  for (const [name, driver] of Object.entries(drivers)) {
    const shape = Object.keys(driver.options.shape);
    const shown = fields(name).map((one) => one.name);
    expect([...shown, ...(untypable[name] ?? []), "driver"].sort(), name).toEqual(shape.sort());
  }
});

it("is plain data", () => {
  for (const name of Object.keys(drivers)) expect(structuredClone(fields(name))).toEqual(fields(name));
});
