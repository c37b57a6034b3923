// What one cluster of a QED file points to: fields of the header, entries of a table.
import { BlockError } from "../../base/errors.ts";
import type { BlockNode } from "../../block/node.ts";
import type { Pointers, StructureField } from "../../block/structure.ts";
import { describeEntries, headerPointers, structureAround } from "./describeByte.ts";
import type { QedHeader } from "./layout.ts";

const pieceBytes = 1024 * 1024;

/** Throws EIO, ECANCELED. */
export async function pointersIn(
  file: BlockNode,
  header: QedHeader,
  offset: number,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<Pointers> {
  const found = await structureAround(file, header, offset);
  if (found === undefined) return { list: [], total: 0 };
  if (found === "header") {
    const list = await headerPointers(file, header);
    return { list: list.slice(0, limit), total: list.length };
  }
  const list: StructureField[] = [];
  let total = 0;
  const end = Math.min(
    offset + header.clusterSize,
    found.offset + header.tableSize * header.clusterSize,
    file.size,
  );
  for (let at = offset; at < end; at += pieceBytes) {
    if (signal?.aborted) throw new BlockError("ECANCELED", "The search for pointers was cancelled");
    const bytes = new Uint8Array(Math.min(pieceBytes, end - at));
    await file.read(at, bytes);
    total += describeEntries(file, header, found, at, bytes, (field) => {
      if (list.length < limit) list.push(field());
    });
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { list, total };
}
