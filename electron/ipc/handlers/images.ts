// Calls about open images, passed on to the session.
import { parseSpec } from "../../../core/spec.ts";
import { displayText } from "../../files.ts";
import type { Handler } from "../handle.ts";

export const open: Handler<"image:open"> = ({ token, format, trustBacking }, { session }) =>
  session.open(token, { format, trustBacking });

export const close: Handler<"image:close"> = ({ image }, { session }) => session.close(image);

export const read: Handler<"image:read"> = ({ image, node, offset, length }, { session }) =>
  session.read(image, node, offset, length);

export const locate: Handler<"image:locate"> = ({ image, offset }, { session }) =>
  session.locate(image, offset);

export const describe: Handler<"image:describe"> = ({ image, node, offset }, { session }) =>
  session.describe(image, node, offset);

export const state: Handler<"image:state"> = ({ image, accept }, { session }) => session.state(image, accept);

/** Nothing is read for it: the snapshot opens when the page opens it. Throws EINVAL for an image that is a graph. */
export const snapshot: Handler<"image:snapshot"> = (
  { image, snapshot: wanted, label },
  { session, files, graphs },
) => {
  const { path, name } = session.fileOf(image);
  const options = { ...parseSpec(session.sourceOf(image).spec), snapshot: wanted };
  return graphs.keep({ options, files: [files.refOf(path)] }, `${name} at ${shortened(displayText(label))}`);
};

/** As part of a name. */
const shortened = (text: string) => (text.length > 40 ? `${text.slice(0, 39)}…` : text);
