// What is wrong with a node's options, from what its schema found: our words name the option by its whole path, the
// peer's are those of its own parsers.
import type * as z from "zod";
import { BlockError, type PeerWords } from "../base/errors.ts";
import type { Driver, NodeOptions } from "./driver.ts";
import { notAChild, notAnInteger, notASize, notOnOff } from "./options.ts";

/** `place` is the node's in the tree: "backing.file". */
export function badOptions(
  place: string,
  tree: NodeOptions,
  of: Driver | undefined,
  error: z.ZodError,
): BlockError {
  const driver = String(tree.driver);
  const [issue] = error.issues;
  const known = issue && of?.peerWords?.(issue.path.map(String), issue);
  const path = (issue?.path ?? []).map(String);
  if (issue?.code === "unrecognized_keys") {
    const isProtocol = of?.kind === "protocol" || of?.isPrefix === true;
    const layer = isProtocol ? "protocol" : "format";
    const unknown = [...path, String(issue.keys[0])];
    const key = unknown.join(".");
    const does = isProtocol ? "doesn't" : "does not";
    const peer = known ?? {
      message: `Block ${layer} '${driver}' ${does} support the option '${leafOf(tree, unknown)}'`,
    };
    const shown = place === "" ? key : `${place}.${key}`;
    return new BlockError("EINVAL", `Block ${layer} '${driver}' does not support the option '${shown}'`, {
      peer,
    });
  }
  const at = [...(place === "" ? [] : [place]), ...path].join(".");
  const message = `Invalid option '${at}' of '${driver}': ${issue?.message ?? "not understood"}`;
  const peer = known ?? peerWords(driver, path, valueAt(tree, path), issue);
  return new BlockError("EINVAL", message, peer === undefined ? {} : { peer });
}

/** The peer names the first value of a group, not the group. */
function leafOf(tree: NodeOptions, path: readonly string[]): string {
  const names = [...path];
  for (let at = valueAt(tree, path); isGroup(at); at = valueAt(tree, names)) {
    const [first] = Object.keys(at);
    if (first === undefined) break;
    names.push(first);
  }
  return names.join(".");
}

function isGroup(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function valueAt(tree: NodeOptions, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === "object" && at !== null ? (at as Record<string, unknown>)[key] : undefined),
    tree,
  );
}

function peerWords(
  driver: string,
  path: readonly string[],
  value: unknown,
  issue: z.core.$ZodIssue | undefined,
): PeerWords | undefined {
  const key = path.join(".");
  if (key === "filename") return { message: `The '${driver}' block driver requires a file name` };
  if (issue?.message === notAChild) return { message: `A block device must be specified for "${key}"` };
  if (issue?.message === notAnInteger) {
    return { message: `Parameter '${path.at(-1) ?? ""}' expects a number` };
  }
  if (key === "node-name") return { message: `Invalid node-name: '${String(value)}'` };
  if (key === "discard") return { message: "Invalid discard option" };
  if (issue?.message === notOnOff) return { message: `Parameter '${key}' expects 'on' or 'off'` };
  if (issue?.message === notASize || /^'.*' is not a size$/.test(issue?.message ?? "")) {
    const message = `Parameter '${key}' expects a non-negative number below 2^64`;
    return { message, hint: sizeHint };
  }
  return issue?.code === "invalid_value"
    ? { message: `invalid parameter value: ${String(value)}` }
    : undefined;
}

const sizeHint = `Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-
and exabytes, respectively.`;
