// A stand-in for what the preload puts on window: answers calls from a table and sends events by hand.
import type { PlainError } from "../../core/base/errors.ts";
import type { NodeSummary } from "../../core/jobs/sessionContract.ts";
import type { ChannelName, EventName, Events, FileRef, OpenedImage } from "../../electron/ipc/contract.ts";

type Answer = (request: never) => unknown;

export interface FakeBridge {
  /** Every call made, in order. */
  readonly calls: readonly { readonly name: ChannelName; readonly request: unknown }[];
  /** Requests made to one channel. */
  requests(name: ChannelName): readonly unknown[];
  answer(name: ChannelName, answer: Answer): void;
  send<N extends EventName>(name: N, payload: Events[N]): void;
}

/** Installs a fresh bridge on a fresh `window`. A channel without an answer replies with undefined. */
export function installFakeBridge(): FakeBridge {
  const calls: { name: ChannelName; request: unknown }[] = [];
  const answers = new Map<ChannelName, Answer>();
  const listeners = new Map<string, Set<(payload: never) => void>>();
  const bridge = {
    async call(name: ChannelName, request: unknown) {
      calls.push({ name, request });
      try {
        return { ok: true, value: await answers.get(name)?.(request as never) };
      } catch (error) {
        return { ok: false, error };
      }
    },
    on(name: EventName, listener: (payload: never) => void) {
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set.add(listener));
      return () => set.delete(listener);
    },
  };
  Object.assign(globalThis, { window: { blkscope: bridge, localStorage: memoryStorage() } });
  return {
    calls,
    requests: (name) => calls.filter((call) => call.name === name).map((call) => call.request),
    answer: (name, answer) => void answers.set(name, answer),
    send: (name, payload) => {
      for (const listener of listeners.get(name) ?? []) listener(payload as never);
    },
  };
}

/** A localStorage that is empty at first. */
function memoryStorage(): Pick<Storage, "getItem" | "setItem" | "removeItem"> {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}

/** What an answer throws to fail: a Result's error. */
export const plainError = (message: string): PlainError => ({
  code: "EIO",
  message,
  context: {},
  details: [],
});

export const fileRef = (name: string): FileRef => ({ token: `token-${name}`, name, folder: "/images" });

/** A node of 1 MiB. */
export const nodeSummary = (path: string, driver: string, role?: NodeSummary["role"]): NodeSummary => ({
  path,
  driver,
  size: 1 << 20,
  role,
  name: path === "" ? "top" : path,
  readOnly: true,
  dirty: false,
  file: undefined,
  options: [],
});

let lastImage = 0;
/** An open image of 1 MiB. */
export function openedImage(file: FileRef): OpenedImage {
  return {
    image: ++lastImage,
    format: "raw",
    size: 1 << 20,
    fileSize: 1 << 20,
    readOnly: true,
    info: {},
    nodes: [nodeSummary("", "raw")],
    file,
    writable: true,
  };
}

/** Lets every promise that can settle do so. */
export const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
