// The configuration file of blkdebug: sections [inject-error] and [set-state] with lines `key = "value"`.
import * as fs from "node:fs";
import { BlockError } from "../../base/errors.ts";
import { systemError } from "../../protocol/systemError.ts";

export interface ConfigRule {
  /** File and line of its group, for messages. */
  readonly where: string;
  readonly options: Readonly<Record<string, string>>;
}

export interface ConfigRules {
  readonly "inject-error": readonly ConfigRule[];
  readonly "set-state": readonly ConfigRule[];
}

/** No rules need more; a device or a disk image given by mistake must not be read whole. */
const longest = 1024 * 1024;

/** Throws BlockError: unreadable, or a line that is none. */
export function readConfig(path: string): ConfigRules {
  const words = "Could not read blkdebug config file";
  let text: string;
  try {
    const { size } = fs.statSync(path);
    if (size > longest) throw new BlockError("EFBIG", `${words} '${path}': it has more than 1 MiB`);
    text = fs.readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof BlockError) throw error;
    const reason = systemError(words, error, {});
    throw systemError(`${words} '${path}'`, error, { path, peer: { message: reason.message } });
  }
  return parseConfig(text, path);
}

/** `path` is for messages. */
export function parseConfig(text: string, path: string): ConfigRules {
  const rules: Record<keyof ConfigRules, ConfigRule[]> = { "inject-error": [], "set-state": [] };
  let section: Record<string, string> | undefined;
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    const where = `${path}, line ${index + 1}`;
    const bad = (why: string, peer = "parse error") =>
      new BlockError("EINVAL", `${where}: ${why}`, { path, peer: { message: peer } });
    if (line === "" || line.startsWith("#")) continue;
    const name = /^\[\s*([^\]"]*?)(?:\s+"[^"]*")?\s*\]$/.exec(line)?.[1];
    if (name !== undefined) {
      if (name !== "inject-error" && name !== "set-state") {
        throw bad(`there is no group '${name}'`, `There is no option group '${name}'`);
      }
      section = {};
      rules[name].push({ where, options: section });
      continue;
    }
    const [, key, value] = /^([A-Za-z0-9_-]+)\s*=\s*"([^"]*)"\s*(?:#.*)?$/.exec(line) ?? [];
    if (key === undefined || value === undefined) throw bad(`'${line}' is not of the form key = "value"`);
    if (section === undefined) throw bad("an option before any group", "no group defined");
    section[key] = value;
  }
  return rules;
}
