// The second thread of a comparison that does all that the first one does: it opens the images by itself, scans the
// items it is sent and answers with what it found. Both ends of the line are here.
import { BlockError, toPlain } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import { openGraph } from "../graph.ts";
import type { CompareParams, Port } from "../jobs/contract.ts";
import { claim, type FromHelper, type HelperKind, type Opening } from "./helper.ts";
import type { WorkItem } from "./plan.ts";
import { buffersOf } from "./rows.ts";
import { Scanner } from "./scan.ts";
import { Side } from "./side.ts";

/** What the thread opens, and the sizes of the two images as the coordinator has them, bytes. */
interface Images {
  readonly params: CompareParams;
  readonly sizes: { readonly a: number; readonly b: number };
}

type ToHelper =
  | (Opening & Images)
  | { readonly kind: "scan"; readonly index: number; readonly item: WorkItem }
  | { readonly kind: "stop" };

export function scanningHelper(images: Images): HelperKind {
  return {
    isPlain: false,
    opening: images,
    order: ({ inFiles: _, ...item }) => ({ item }),
  };
}

/** The thread's end: serves one comparison until the line is closed. */
export function serveCompareHelper(port: Port): void {
  const stop = new AbortController();
  const pace = new Pace(stop.signal);
  let scanner: Scanner | undefined;
  let claims: Int32Array = new Int32Array(1);
  let chain: Promise<void> = Promise.resolve();
  const post = (message: FromHelper, transfer?: readonly ArrayBuffer[]) => port.post(message, transfer);

  async function open({ params, sizes, claims: shared }: Opening & Images): Promise<void> {
    claims = shared;
    // Where locks are wanted, the first thread holds them.
    const options = { forceShare: true, ...(params.backing && { backing: params.backing }) };
    const a = await openGraph(params.a, options);
    const b = await openGraph(params.b, options);
    // Resized in between: what the coordinator fails to read would be past the end here, and so be zeroes.
    if (a.root.size !== sizes.a || b.root.size !== sizes.b) {
      throw new BlockError("EIO", "an image was resized while the comparison started");
    }
    scanner = new Scanner(
      new Side("a", a.root, 0),
      new Side("b", b.root, params.shift ?? 0),
      params.stopAtFirst === true,
    );
  }
  async function scan(index: number, item: WorkItem): Promise<void> {
    if (scanner === undefined) throw new BlockError("EINVAL", "an item was sent before the images were open");
    if (!claim(claims, index)) return;
    const result = await scanner.scan(item, pace);
    post({ kind: "result", index, result }, result.rows === undefined ? [] : buffersOf(result.rows));
  }
  port.listen((data) => {
    const message = data as ToHelper;
    if (message.kind === "stop") {
      stop.abort();
      return;
    }
    chain = chain
      .then(() => (message.kind === "open" ? open(message) : scan(message.index, message.item)))
      .catch((error: unknown) => post({ kind: "fail", message: toPlain(error).message }));
  });
}
