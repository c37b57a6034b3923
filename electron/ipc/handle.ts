// The one way in for the page: checks who asks, parses what is asked with the contract's schema, runs the
// handler, and answers with a Result, whatever happens.
import type * as z from "zod";
import { BlockError, type Result, toPlain } from "../../core/base/errors.ts";
import type { Context } from "../context.ts";
import { type ChannelName, type Channels, channels, type Reply } from "./contract.ts";
import { isChannelName } from "./names.ts";

/** A parsed request. */
export type Parsed<N extends ChannelName> = z.output<Channels[N]["request"]>;
export type Handler<N extends ChannelName> = (
  request: Parsed<N>,
  context: Context,
) => Promise<Reply<N>> | Reply<N>;
export type Handlers = { readonly [N in ChannelName]: Handler<N> };

/** The parts of Electron's event that say who asks. */
export interface Sender {
  readonly sender: { readonly mainFrame: unknown };
  readonly senderFrame: { readonly url: string } | null;
}

/** The window's page: its web contents, and the address its main frame must be at. */
export interface OwnPage {
  readonly contents: unknown;
  readonly origin: string;
}

/** Only the main frame of our own window, showing our own page, may ask. */
export function isOurPage({ sender, senderFrame }: Sender, page: OwnPage | undefined): boolean {
  return (
    page !== undefined &&
    sender === page.contents &&
    senderFrame !== null &&
    senderFrame === sender.mainFrame &&
    originOf(senderFrame.url) === page.origin
  );
}

/** URL.origin says "null" for schemes of our own. */
function originOf(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const { protocol, host } = new URL(address);
  return `${protocol}//${host}`;
}

/** Answers a call. */
export async function handle(
  handlers: Handlers,
  context: Context,
  name: unknown,
  request: unknown,
): Promise<Result<unknown>> {
  return resultOf(async () => {
    if (!isChannelName(name)) throw new BlockError("EINVAL", `there is no call "${String(name)}"`);
    const parsed = channels[name].request.safeParse(request);
    if (!parsed.success) throw badRequest(name, parsed.error);
    // The request's type goes with the channel's name; TypeScript cannot follow the pair through a table.
    return (handlers[name] as (request: unknown, context: Context) => unknown)(parsed.data, context);
  });
}

/** The refusal for everyone else. */
export function refused(): Promise<Result<never>> {
  return resultOf(() => {
    throw new BlockError("EACCES", "only the app's own page may ask this");
  });
}

/** Runs the work and wraps what it returns or throws. */
export async function resultOf<T>(work: () => T | Promise<T>): Promise<Result<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, error: toPlain(error) };
  }
}

function badRequest(name: ChannelName, { issues }: z.ZodError): BlockError {
  const [issue] = issues;
  const where = issue?.path.join(".") ?? "";
  return new BlockError(
    "EINVAL",
    `${name}${where === "" ? "" : `, ${where}`}: ${issue?.message ?? "malformed"}`,
  );
}
