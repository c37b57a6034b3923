// Every call of the contract and the function that answers it.
import type { Handlers } from "../handle.ts";
import * as app from "./app.ts";
import * as exports from "./exports.ts";
import * as files from "./files.ts";
import * as graphs from "./graphs.ts";
import * as images from "./images.ts";
import * as jobs from "./jobs.ts";

export const handlers: Handlers = {
  "app:info": app.info,
  "app:ready": app.ready,
  "app:theme": app.theme,
  "app:commands": app.commands,
  "app:title": app.title,
  "files:choose": files.choose,
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
  "map:tile": jobs.mapTile,
  "map:place": jobs.mapPlace,
  "map:next": jobs.mapNext,
  "job:cancel": jobs.cancel,
  "export:save": exports.save,
  "clipboard:write": exports.writeClipboard,
};
