import { expect, it } from "vitest";
import { EventQueue } from "../../electron/events.ts";

function queue() {
  const sent: string[] = [];
  const events = new EventQueue((_name, payload) => sent.push((payload as { id: string }).id));
  return { sent, events, run: (id: string) => events.emit("command:run", { id }) };
}

it("events wait until the page listens, and come in order", () => {
  const { sent, events, run } = queue();
  run("a");
  run("b");
  expect(sent).toEqual([]);
  events.open();
  run("c");
  expect(sent).toEqual(["a", "b", "c"]);
});

it("a new page hears nothing that was meant for the one before", () => {
  const { sent, events, run } = queue();
  run("before the first page listened");
  events.reset();
  events.open();
  events.reset();
  run("while the second loads");
  expect(sent).toEqual([]);
  events.open();
  expect(sent).toEqual(["while the second loads"]);
});
