// Calls about open images, passed on to the session.
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
