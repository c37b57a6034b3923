// Every call of the contract and the function that answers it.
import type { Handlers } from "../handle.ts";
import * as app from "./app.ts";
import * as exports from "./exports.ts";
import * as files from "./files.ts";
import * as graphs from "./graphs.ts";
import * as images from "./images.ts";
import * as jobs from "./jobs.ts";
import * as logs from "./logs.ts";
import * as repair from "./repair.ts";

export const handlers: Handlers = {
  "app:info": app.info,
  "app:ready": app.ready,
  "app:theme": app.theme,
  "app:commands": app.commands,
  "app:title": app.title,
  "files:choose": files.choose,
  "files:chooseSave": files.chooseSave,
  "files:recent": files.listRecent,
  "files:clearRecent": files.clearRecent,
  "files:forget": files.forget,
  "files:remember": files.remember,
  "image:open": images.open,
  "graph:drivers": graphs.drivers,
  "graph:check": graphs.check,
  "graph:keep": graphs.keep,
  "graph:copy": graphs.copy,
  "image:close": images.close,
  "image:read": images.read,
  "image:locate": images.locate,
  "image:describe": images.describe,
  "image:state": images.state,
  "job:compare": jobs.compare,
  "job:votes": jobs.votes,
  "job:check": jobs.check,
  "job:map": jobs.map,
  "job:bundle": jobs.bundle,
  "map:tile": jobs.mapTile,
  "map:place": jobs.mapPlace,
  "map:next": jobs.mapNext,
  "log:detect": logs.detect,
  "job:logIndex": logs.index,
  "log:rows": logs.rows,
  "log:place": logs.place,
  "log:next": logs.next,
  "log:marks": logs.marks,
  "log:detail": logs.detail,
  "log:history": logs.history,
  "log:versions": logs.versions,
  "log:extend": logs.extend,
  "log:recover": logs.recover,
  "log:state": logs.state,
  "job:repairPlan": repair.plan,
  "repair:items": repair.items,
  "repair:choose": repair.choose,
  "repair:toggle": repair.toggle,
  "repair:changes": repair.changes,
  "repair:map": repair.map,
  "repair:preflight": repair.preflight,
  "job:repairRescue": repair.rescue,
  "job:repairWrite": repair.write,
  "repair:look": repair.look,
  "job:repairFinish": repair.finish,
  "repair:unfinished": repair.unfinished,
  "job:cancel": jobs.cancel,
  "export:save": exports.save,
  "clipboard:write": exports.writeClipboard,
};
