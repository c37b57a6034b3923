// The work of `bitmap`: one thing after the other, as they were asked for.
import type { BlockNode } from "../block/node.ts";
import { CliError } from "./command.ts";
import { wordsOf } from "./output.ts";

export interface BitmapActions {
  readonly image: BlockNode;
  /** Where --merge looks for its bitmap. */
  readonly source: BlockNode;
  readonly name: string;
  /** Bytes. */
  readonly granularity: number | undefined;
  readonly actions: readonly { readonly name: string; readonly value?: string | undefined }[];
}

/** Throws CliError; what was done before stays. */
export async function runBitmapActions(request: BitmapActions): Promise<void> {
  const { image, name, granularity, actions } = request;
  for (const action of actions) {
    if (image.bitmaps === undefined) {
      const hint = `Images of the format ${image.driver} keep no bitmaps.`;
      throw failed(action.name, name, lacking(action.name, name, image.name, granularity), hint);
    }
    try {
      await act(request, action.name, action.value ?? "");
    } catch (thrown) {
      const { message, hint } = wordsOf(thrown);
      throw failed(action.name, name, message, hint, thrown);
    }
  }
}

async function act({ image, source, name, granularity }: BitmapActions, action: string, value: string) {
  const { bitmaps } = image;
  switch (action) {
    case "add":
      return bitmaps?.add(name, granularity);
    case "remove":
      return bitmaps?.remove(name);
    case "clear":
      return bitmaps?.clear(name);
    case "enable":
      return bitmaps?.enable(name);
    case "disable":
      return bitmaps?.disable(name);
    default:
      return merge({ image, source, name }, value);
  }
}

async function merge(
  { image, source, name }: Pick<BitmapActions, "image" | "source" | "name">,
  from: string,
) {
  // The one that is to be changed is looked for first.
  await image.bitmaps?.read(name);
  if (source.bitmaps === undefined) throw new CliError(`Dirty bitmap '${from}' not found`, 1);
  await image.bitmaps?.merge(name, await source.bitmaps.read(from));
}

function failed(action: string, name: string, why: string, hint?: string, cause?: unknown): CliError {
  const message = `Operation ${action} on bitmap ${name} failed: ${why}`;
  return new CliError(message, 1, hint, {
    cause,
    ...(cause !== undefined && hint !== undefined && { peerHint: hint }),
  });
}

/** What a format without bitmaps answers, after what is wrong with the request itself. */
function lacking(action: string, name: string, node: string, granularity: number | undefined): string {
  if (action !== "add") return `Dirty bitmap '${name}' not found`;
  if (name === "") return "Bitmap name cannot be empty";
  if (granularity !== undefined && (granularity < 512 || !Number.isInteger(Math.log2(granularity)))) {
    return "Granularity must be power of 2 and at least 512";
  }
  return `Can't store persistent bitmaps to ${node}: Operation not supported`;
}
