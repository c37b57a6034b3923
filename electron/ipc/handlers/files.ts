// Calls about files: choosing them, and the recent list. Paths come from here and go no further than main.
import type { Context } from "../../context.ts";
import type { Handler } from "../handle.ts";
import { fileName } from "./exports.ts";

export const choose: Handler<"files:choose"> = async ({ title, multiple }, { desktop, files }) => {
  const paths = await desktop.chooseFiles(title, multiple);
  return paths.map((path) => files.refOf(path));
};

/** The name of a file that is to be made; whoever makes it sees to it that no image is overwritten. */
export const chooseSave: Handler<"files:chooseSave"> = async (
  { title, suggestedName },
  { desktop, files },
) => {
  const path = await desktop.chooseSavePath(fileName(suggestedName), title);
  return path === undefined ? undefined : files.refOf(path);
};

export const listRecent: Handler<"files:recent"> = (_request, { recent }) => recent.items();

export const clearRecent: Handler<"files:clearRecent"> = async (_request, context) => {
  await context.recent.clear();
  return show(context, []);
};

export const forget: Handler<"files:forget"> = async (tokens, context) => {
  await context.recent.forget(tokens.map((token) => context.files.pathOf(token)));
  return show(context, []);
};

export const remember: Handler<"files:remember"> = async (tokens, context) => {
  const paths = tokens.map((token) => context.files.pathOf(token));
  await context.recent.remember(paths);
  return show(context, paths);
};

async function show({ desktop, recent }: Context, added: readonly string[]): Promise<undefined> {
  desktop.showRecent(await recent.items(), added);
  return undefined;
}
