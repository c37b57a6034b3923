// What main is told about commands: those that can run, those that are on, and only when that changes.
import { beforeEach, expect, it, vi } from "vitest";
import { type FakeBridge, installFakeBridge } from "../fakeBridge.ts";

let bridge: FakeBridge;
let registry: typeof import("../../../renderer/commands/registry.ts");
let sync: typeof import("../../../renderer/commands/menuSync.ts");

beforeEach(async () => {
  vi.resetModules();
  vi.useFakeTimers();
  bridge = installFakeBridge();
  registry = await import("../../../renderer/commands/registry.ts");
  sync = await import("../../../renderer/commands/menuSync.ts");
});

const run = () => undefined;
function layers(...runners: import("../../../renderer/commands/registry.ts").Runners[]): void {
  registry.useCommandLayers.setState({ layers: runners.map((each) => ({ owner: Symbol(), runners: each })) });
}

it("lists what can run and what is on; a later layer wins", () => {
  layers(
    { "file.open": { run }, "go.to": { run }, "view.sidebar": { run, checked: true } },
    { "go.to": { run, disabled: "No bytes are shown" } },
  );
  expect(sync.menuState()).toEqual({ enabled: ["file.open", "view.sidebar"], checked: ["view.sidebar"] });
});

it("sends the state at once, then after changes, joined and without repeats", () => {
  const stop = sync.syncMenu();
  expect(bridge.requests("app:commands")).toEqual([{ enabled: [], checked: [] }]);
  layers({ "file.open": { run } });
  layers({ "file.open": { run }, "go.to": { run } });
  vi.advanceTimersByTime(1000);
  layers({ "file.open": { run } }, { "go.to": { run } });
  vi.advanceTimersByTime(1000);
  expect(bridge.requests("app:commands").slice(1)).toEqual([
    { enabled: ["file.open", "go.to"], checked: [] },
  ]);
  stop();
  layers({});
  vi.advanceTimersByTime(1000);
  expect(bridge.requests("app:commands")).toHaveLength(2);
});

it("a command that cannot run does not, and says so", () => {
  const ran: string[] = [];
  layers({
    "file.open": { run: () => ran.push("open") },
    "go.to": { run: () => ran.push("goto"), disabled: "No" },
  });
  expect(registry.runCommand("file.open")).toBe(true);
  expect(registry.runCommand("go.to")).toBe(false);
  expect(registry.runCommand("help.about")).toBe(false);
  expect(ran).toEqual(["open"]);
});

it("a layer keeps its place when its runners change, and leaves no trace when it goes", () => {
  const [app, panel] = [Symbol("app"), Symbol("panel")];
  const ran: string[] = [];
  const runner = (name: string) => ({ run: () => ran.push(name) });
  registry.putLayer(app, { "go.to": runner("app") });
  registry.putLayer(panel, { "go.to": runner("panel") });
  registry.putLayer(app, { "go.to": runner("app again") });
  registry.runCommand("go.to");
  registry.removeLayer(panel);
  registry.runCommand("go.to");
  registry.removeLayer(app);
  expect(registry.runCommand("go.to")).toBe(false);
  expect(ran).toEqual(["panel", "app again"]);
});
