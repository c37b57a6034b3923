// Web worker of the mismatch list: sorts and filters columns off the UI thread. One request in, one reply out.
import { orderRows, type SortReply, type SortRequest } from "./runSort.ts";

self.onmessage = (event: MessageEvent<SortRequest>) => {
  const rows = orderRows(event.data);
  const reply: SortReply = { id: event.data.id, rows };
  self.postMessage(reply, { transfer: [rows.buffer] });
};
