import { describe, expect, it } from "vitest";
import type { NodeEvent } from "../../../core/block/events.ts";
import { parseConfig } from "../../../core/filter/blkdebug/config.ts";
import { failureOf, filled, openForTest, readAll, readRange } from "../../build/open.ts";
import { tempFile } from "../../build/temp.ts";

const kib = 1024;

async function open(options: object, bytes = filled(64 * kib, 7)) {
  const events: NodeEvent[] = [];
  const graph = await openForTest(
    { driver: "blkdebug", image: { driver: "memory", bytes }, ...options },
    { readOnly: false, event: (event) => events.push(event) },
  );
  const image = graph.nodeAt("image");
  if (!image) throw new Error("a blkdebug has an image");
  return { node: graph.root, image, events };
}

describe("rules of blkdebug", () => {
  it("stay in force for every request until another event with rules", async () => {
    const { node } = await open({ "inject-error": [{ event: "read_aio" }] });
    await readRange(node, 0, 512);
    await node.raise?.("read_aio");
    expect((await failureOf(readRange(node, 0, 512))).code).toBe("EIO");
    expect((await failureOf(node.write(0, filled(512, 1)))).code).toBe("EIO");
    expect((await failureOf(node.flush())).code).toBe("EIO");
    await node.raise?.("write_aio");
    expect((await failureOf(readRange(node, 0, 512))).code).toBe("EIO");
  });

  it("are over after one failure with once", async () => {
    const { node } = await open({ "inject-error": [{ event: "read_aio", once: "on", errno: "28" }] });
    await node.raise?.("read_aio");
    expect((await failureOf(readRange(node, 0, 512))).code).toBe("ENOSPC");
    await readRange(node, 0, 512);
    await node.raise?.("read_aio");
    await readRange(node, 0, 512);
  });

  it("hit only requests of their type that touch their sector", async () => {
    const { node, events } = await open({
      "inject-error": [{ event: "none", sector: 3, iotype: "write", errno: 5 }],
    });
    await readRange(node, 0, 8 * kib);
    await node.write(0, filled(1536, 1));
    expect((await failureOf(node.write(1000, filled(1000, 1)))).code).toBe("EIO");
    await node.write(2048, filled(512, 1));
    expect(events).toEqual([
      { kind: "injected", node: "top", op: "write", offset: 1000, length: 1000, errno: 5 },
    ]);
  });

  it("let a request pass with errno 0, and hide the rules behind it", async () => {
    const rules = [{ event: "none", errno: 0, sector: 1 }, { event: "none" }];
    const { node } = await open({ "inject-error": rules });
    await readRange(node, 512, 512);
    expect((await failureOf(readRange(node, 1024, 512))).code).toBe("EIO");
  });

  it("change the state once an event, of several new states to that of the first rule", async () => {
    const { node } = await open({
      "set-state": [
        { event: "l2_load", state: 1, new_state: 2 },
        { event: "l2_load", state: 2, new_state: 3 },
      ],
      "inject-error": [{ event: "read_aio", state: 3 }],
    });
    await node.raise?.("l2_load");
    await node.raise?.("read_aio");
    await readRange(node, 0, 512);
    await node.raise?.("l2_load");
    await node.raise?.("read_aio");
    expect((await failureOf(readRange(node, 0, 512))).code).toBe("EIO");
  });

  it("keep an image from being opened when they are for no event", async () => {
    const wanted = {
      driver: "qed",
      file: {
        driver: "blkdebug",
        image: { driver: "memory", size: 4096 },
        "inject-error": [{ event: "none" }],
      },
    };
    expect((await failureOf(openForTest(wanted))).code).toBe("EIO");
  });

  it.each([
    [{ "inject-error": [{}] }, "Missing event name for rule"],
    [{ "inject-error": [{ event: "l3_load" }] }, "invalid parameter value: l3_load"],
    [{ align: 1000 }, "Cannot meet constraints with align 1000"],
    [{ align: 512, "max-transfer": 1000 }, "Cannot meet constraints with max-transfer 1000"],
    [{ "opt-write-zero": 512, "max-write-zero": 700 }, "Cannot meet constraints with max-write-zero 700"],
    [{ config: "/nonexistent/rules" }, "Could not read blkdebug config file"],
  ])("are refused when they are %j", async (options, message) => {
    expect((await failureOf(open(options))).message).toContain(message);
  });

  it("come from a configuration file too", async () => {
    const text =
      '# comment\n[inject-error]\nevent = "none"\niotype = "read"\nsector = "2"\n\n[set-state]\nevent = "l2_load"\nnew_state = "2"\n';
    const config = tempFile("rules.conf", Buffer.from(text));
    const { node } = await open({ config });
    await readRange(node, 0, 1024);
    expect((await failureOf(readRange(node, 1024, 1))).code).toBe("EIO");
  });

  it.each([
    ["[other]\n", "there is no group 'other'"],
    ['event = "x"\n', "an option before any group"],
    ["[set-state]\nevent\n", "'event' is not of the form"],
  ])("in a file that reads %j are refused with the line", (text, message) => {
    expect(() => parseConfig(text, "rules")).toThrow(message);
  });
});

describe("limits of blkdebug", () => {
  it("widen requests to whole blocks and change nothing beside what was asked", async () => {
    const { node, image } = await open({ align: 4096 });
    await Promise.all(Array.from({ length: 64 }, (_, i) => node.write(i * 100 + 50, filled(100, i))));
    const bytes = await readAll(image);
    expect([
      bytes[49],
      bytes[50],
      bytes[149],
      bytes[150],
      bytes[64 * 100 + 49],
      bytes[64 * 100 + 50],
    ]).toEqual([7, 0, 0, 1, 63, 7]);
    expect(await readRange(node, 5000, 100)).toEqual(bytes.subarray(5000, 5100));
  });

  it("do not make a disk longer that ends inside a block", async () => {
    const { node, image } = await open({ align: 4096 }, filled(5000, 7));
    await node.write(4990, filled(10, 1));
    expect(image.size).toBe(5000);
    expect((await readAll(image)).subarray(4989)).toEqual(Uint8Array.of(7, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1));
  });

  it("cut transfers, zeroes and discards into pieces", async () => {
    const injected = [{ event: "none", sector: 24, iotype: "write", errno: 5 }];
    const { node, image, events } = await open({ "max-transfer": 4096, "inject-error": injected });
    expect((await failureOf(node.write(0, filled(32 * kib, 1)))).code).toBe("EIO");
    // Sector 24 is byte 12288: the fourth piece fails, three were written.
    expect(events).toMatchObject([{ op: "write", offset: 12_288, length: 4096 }]);
    const bytes = await readAll(image);
    expect([bytes[12_287], bytes[12_288]]).toEqual([1, 7]);
  });

  it("write zeroes that are shorter than a unit as bytes", async () => {
    const injected = [{ event: "none", iotype: "write-zeroes", errno: 5 }];
    const { node, image } = await open({ "opt-write-zero": 4096, "inject-error": injected });
    await node.writeZeroes(100, 3000);
    expect((await readAll(image))[100]).toBe(0);
    // 100 to 9100 holds one whole unit, 4096 to 8192.
    expect((await failureOf(node.writeZeroes(100, 9000))).code).toBe("EIO");
    expect((await failureOf(node.writeZeroes(100, 3000, { noFallback: true }))).code).toBe("ENOTSUP");
  });
});

describe("breakpoints", () => {
  it("stop the request that reaches the step until it is resumed", async () => {
    const { node, events } = await open({});
    node.breakpoints?.add("pwritev", "A");
    let isDone = false;
    const write = node.write(0, filled(512, 1)).then(() => {
      isDone = true;
    });
    await node.breakpoints?.waitFor("A");
    expect(node.breakpoints?.isSuspended("A")).toBe(true);
    // Another one passes: a breakpoint stops one request.
    await node.write(4096, filled(512, 2));
    expect(isDone).toBe(false);
    node.breakpoints?.resume("A");
    await write;
    expect(events.map((event) => event.kind === "breakpoint" && event.state)).toEqual([
      "suspended",
      "resumed",
    ]);
  });

  it("refuse events and tags that are not there", async () => {
    const { node } = await open({});
    expect(() => node.breakpoints?.add("nowhere", "A")).toThrow("There is no event 'nowhere'");
    expect(() => node.breakpoints?.resume("A")).toThrow("No request is stopped at 'A'");
    expect(() => node.breakpoints?.remove("A")).toThrow("There is no breakpoint 'A'");
  });

  it("let everything go when they are removed or the disk is closed", async () => {
    const { node } = await open({});
    node.breakpoints?.add("pwritev", "A");
    const write = node.write(0, filled(512, 1));
    await node.breakpoints?.waitFor("A");
    node.breakpoints?.remove("A");
    await write;
  });
});
