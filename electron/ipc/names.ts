// The names of the contract without its schemas, for the preload script: the page may use these and no others.
// Written as records so that the compiler insists on every name of the contract.
import type { ChannelName, EventName } from "./contract.ts";

const channelNames: Readonly<Record<ChannelName, true>> = {
  "app:info": true,
  "app:ready": true,
  "app:theme": true,
  "app:commands": true,
  "app:title": true,
  "files:choose": true,
  "files:chooseSave": true,
  "files:recent": true,
  "files:clearRecent": true,
  "files:forget": true,
  "files:remember": true,
  "image:open": true,
  "image:snapshot": true,
  "graph:drivers": true,
  "graph:check": true,
  "graph:keep": true,
  "graph:copy": true,
  "image:close": true,
  "image:read": true,
  "image:locate": true,
  "image:describe": true,
  "image:state": true,
  "job:compare": true,
  "job:votes": true,
  "job:check": true,
  "job:map": true,
  "job:bundle": true,
  "map:tile": true,
  "map:place": true,
  "map:guestPlace": true,
  "map:pause": true,
  "map:next": true,
  "log:detect": true,
  "job:logIndex": true,
  "log:rows": true,
  "log:place": true,
  "log:next": true,
  "log:marks": true,
  "log:detail": true,
  "log:history": true,
  "log:versions": true,
  "log:bins": true,
  "log:used": true,
  "log:extend": true,
  "log:recover": true,
  "log:stopRecovery": true,
  "log:base": true,
  "log:state": true,
  "log:format": true,
  "job:logBisect": true,
  "job:repairPlan": true,
  "repair:items": true,
  "repair:choose": true,
  "repair:toggle": true,
  "repair:changes": true,
  "repair:map": true,
  "repair:preflight": true,
  "job:repairRescue": true,
  "job:repairWrite": true,
  "repair:look": true,
  "job:repairFinish": true,
  "repair:setAside": true,
  "repair:delete": true,
  "repair:unfinished": true,
  "job:cancel": true,
  "export:save": true,
  "clipboard:write": true,
};

const eventNames: Readonly<Record<EventName, true>> = {
  "job:progress": true,
  "job:items": true,
  "job:end": true,
  "image:changed": true,
  "image:events": true,
  "command:run": true,
  "files:opened": true,
  "session:lost": true,
};

export function isChannelName(name: unknown): name is ChannelName {
  return typeof name === "string" && Object.hasOwn(channelNames, name);
}

export function isEventName(name: unknown): name is EventName {
  return typeof name === "string" && Object.hasOwn(eventNames, name);
}

/** Electron's own channels that carry all of this. The page cannot reach them but through the preload script. */
export const lines = {
  /** (name, request) of a call; answered with a Result. */
  call: "blkscope:call",
  /** (path) of a file dropped on the page; answered with a Result<FileRef>. Not callable by the page. */
  file: "blkscope:file",
  /** (name, payload) of an event, from main. */
  event: "blkscope:event",
} as const;
