// The bridge between the sandboxed page and main: puts `window.blkscope` there and nothing else. Only names of
// the contract pass, and the path of a dropped file goes to main without the page seeing it.
import { contextBridge, ipcRenderer, webUtils } from "electron";
import type { PlainError, Result } from "../core/base/errors.ts";
import type { Bridge } from "./ipc/contract.ts";
import { isChannelName, isEventName, lines } from "./ipc/names.ts";

function refuse(message: string): Promise<Result<never>> {
  const error: PlainError = { code: "EINVAL", message, context: {}, details: [] };
  return Promise.resolve({ ok: false, error });
}

const bridge: Bridge = {
  call(name, request) {
    if (!isChannelName(name)) return refuse(`there is no call "${String(name)}"`);
    return ipcRenderer.invoke(lines.call, name, request);
  },
  on(name, listener) {
    if (!isEventName(name)) throw new Error(`there is no event "${String(name)}"`);
    const take = (_event: unknown, sent: unknown, payload: unknown) => {
      if (sent === name) listener(payload as never);
    };
    ipcRenderer.on(lines.event, take);
    return () => void ipcRenderer.removeListener(lines.event, take);
  },
  fileToken(file) {
    let path = "";
    try {
      path = webUtils.getPathForFile(file);
    } catch {
      return refuse("what was dropped is not a file");
    }
    if (path === "") return refuse("what was dropped is not a file on this computer");
    return ipcRenderer.invoke(lines.file, path);
  },
};

contextBridge.exposeInMainWorld("blkscope", bridge);
