// What a qcow2 image says of the clusters of its file: the pass for the map (scan.ts), who refers to what (references.ts),
// and names for every byte of its tables (describe.ts).
import { usualSharing } from "../../base/programThread.ts";
import type { ClusterMarks } from "../../block/clusterMarks.ts";
import { scanShared } from "../../block/scanThreads.ts";
import type {
  GuestEntry,
  HeaderPart,
  Pointers,
  ScannedStructure,
  StoredReferences,
  Structure,
  StructureAt,
  StructureJob,
} from "../../block/structure.ts";
import { describeByte, pointersIn } from "./describe.ts";
import { guestEntry, guestKinds } from "./guest.ts";
import { headerParts } from "./headerFields.ts";
import type { StructureSource } from "./parts.ts";
import { storedRefcount } from "./refcounts.ts";
import { findReferences } from "./references.ts";
import { Scan } from "./scan.ts";

export class Qcow2Structure implements Structure {
  readonly #source: StructureSource;

  constructor(source: StructureSource) {
    this.#source = source;
  }

  get clusterSize(): number {
    return this.#source.image.header.clusterSize;
  }

  get fileSize(): number {
    return this.#source.file.size;
  }

  async scan(marks: ClusterMarks, job: StructureJob): Promise<ScannedStructure> {
    const source = this.#source;
    await source.settle?.();
    const { spans, allocated, zero, ...counts } = await scanShared(
      marks,
      job.sharing ?? usualSharing,
      async (sharing) => {
        const scan = new Scan(source, marks, job, sharing);
        return { ...(await scan.run()), spans: scan.spans };
      },
    );
    const { size } = source.shown === undefined ? source.image.header : { size: source.shown.diskSize };
    return {
      ...counts,
      guest: { total: Math.ceil(size / this.clusterSize), allocated, zero },
      references: (cluster, limit, signal) =>
        findReferences(source, spans, marks, { cluster, limit, signal }),
      guestKinds: (kinds, clusters, signal) => guestKinds(source, marks, { kinds, clusters }, signal),
    };
  }

  async describe(offset: number): Promise<StructureAt | undefined> {
    await this.#source.settle?.();
    return describeByte(this.#source, offset);
  }

  async pointers(offset: number, limit: number, signal?: AbortSignal): Promise<Pointers> {
    await this.#source.settle?.();
    return pointersIn(this.#source, offset, limit, signal);
  }

  async guestEntry(offset: number): Promise<GuestEntry> {
    await this.#source.settle?.();
    return guestEntry(this.#source, offset);
  }

  async headerParts(): Promise<readonly HeaderPart[]> {
    await this.#source.settle?.();
    return headerParts(this.#source);
  }

  async storedReferences(cluster: number): Promise<StoredReferences> {
    await this.#source.settle?.();
    return { count: await storedRefcount(this.#source.file, this.#source.image.header, cluster) };
  }
}
