// An open qcow2 image, or one of its snapshots. Unallocated clusters read from the backing file as far as it reaches, else
// as zeroes; what lies behind the end of the file reads as zeroes. What writing does is in write/.
import { BlockError } from "../../base/errors.ts";
import { Lru } from "../../base/lru.ts";
import type { OpenContext } from "../../block/driver.ts";
import { chainExtentAt, dataFileChild } from "../../block/extents.ts";
import type {
  CheckJob,
  CheckResult,
  Finding,
  PeerLines,
  RepairExtent,
  RepairPlan,
} from "../../block/finding.ts";
import type {
  AmendRequest,
  BackingName,
  BitmapFacts,
  Bitmaps,
  BlockNode,
  Child,
  CompressedFlags,
  Extent,
  NodeInfo,
  ResizeOptions,
  Snapshots,
  VmState,
  WriteFlags,
  ZeroFlags,
} from "../../block/node.ts";
import { BitmapBits } from "./bitmapBits.ts";
import { readBitmaps } from "./bitmaps.ts";
import type { TableCache } from "./cacheOptions.ts";
import { checkQcow2 } from "./check.ts";
import { decompress } from "./compressed.ts";
import { type Qcow2Image, readPadded } from "./header.ts";
import { infoOf, type Qcow2Facts, vmStateOffset } from "./info.ts";
import { autoclear } from "./layout.ts";
import { CorruptEntry, type MapGeometry, Qcow2Map, type Run } from "./map.ts";
import { planQcow2Repair } from "./plan.ts";
import { isPreallocated } from "./refcounts.ts";
import { type Qcow2Snapshot, snapshotL1 } from "./snapshots.ts";
import { Qcow2Structure } from "./structure.ts";
import { Tables } from "./tables.ts";
import { usable } from "./write/bitmapWriter.ts";
import type { WriteSession } from "./write/session.ts";

/** Decompressed clusters kept for the next request. */
const cacheBytes = 8 * 1024 * 1024;
/** Compressed clusters of one request that are worked on at a time. */
const mostAtOnce = 16;

/** The image as it is now. */
export interface Qcow2State {
  readonly image: Qcow2Image;
  readonly facts: Qcow2Facts;
}

export interface Qcow2Parts {
  readonly state: Qcow2State;
  /** The snapshot that is shown; undefined for the disk as it is. */
  readonly snapshot: Qcow2Snapshot | undefined;
  readonly children: readonly Child[];
  /** Undefined where the image is open for reading. */
  readonly session: WriteSession | undefined;
  readonly tables: TableCache;
  /** Of an image whose header and facts changed below. */
  readFacts(image: Qcow2Image): Promise<Qcow2Facts>;
}

export class Qcow2Node implements BlockNode {
  readonly driver = "qcow2";
  readonly readsInPlace = true;
  readonly readOnly: boolean;
  readonly name: string;
  readonly children: readonly Child[];
  readonly structure: Qcow2Structure;
  readonly reload: (() => Promise<void>) | undefined;
  readonly snapshots: Snapshots | undefined;
  readonly vmState: VmState | undefined;
  readonly bitmaps: Bitmaps;
  readonly amend: ((request: AmendRequest) => Promise<void>) | undefined;
  readonly makeEmpty: (() => Promise<void>) | undefined;
  readonly #context: OpenContext;
  readonly #state: Qcow2State;
  #told: (Qcow2State & { readonly info: NodeInfo }) | undefined;
  readonly #snapshot: Qcow2Snapshot | undefined;
  readonly #session: WriteSession | undefined;
  readonly #file: BlockNode;
  readonly #backing: BlockNode | undefined;
  /** Where guest data lie: undefined for an external data file that was not opened. */
  readonly #storage: BlockNode | undefined;
  readonly #map: Qcow2Map;
  /** Clusters by the place of their stream. */
  readonly #clusters = new Lru<number, Uint8Array>(cacheBytes, (bytes) => bytes.length);
  /** Of the session, when what is in `#clusters` was true. */
  #freed = 0;
  #isPreallocated: Promise<boolean> | undefined;
  /** Requests under way that change something. */
  readonly #changes = new Set<Promise<void>>();

  constructor(
    { state, snapshot, children, session, tables: cache, readFacts }: Qcow2Parts,
    context: OpenContext,
  ) {
    const named = (name: string) => children.find((child) => child.name === name)?.node;
    const file = named("file");
    if (!file) throw new Error("a qcow2 node has a file");
    const { header } = state.image;
    this.name = context.name;
    this.readOnly = session === undefined;
    this.children = children;
    this.#context = context;
    this.#state = state;
    this.#snapshot = snapshot;
    this.#session = session;
    const settle = session && (() => session.metadata.exclusively(() => session.metadata.commitCounts()));
    this.structure = new Qcow2Structure({
      file,
      get image() {
        return state.image;
      },
      get facts() {
        return state.facts;
      },
      shown: snapshot,
      settle,
    });
    this.#file = file;
    this.#backing = named("backing");
    this.#storage = header.hasDataFile ? named(dataFileChild) : file;
    const tables = session?.metadata.tables ?? new Tables(file, header.clusterSize, cache);
    this.#map = new Qcow2Map(geometryOf(state, snapshot), tables);
    this.reload = session && (() => this.#reload(session, readFacts));
    this.snapshots = session && {
      create: (name) => this.#writing({}, 0, (open) => open.createSnapshot(name)),
      apply: (idOrName) => this.#writing({}, 0, (open) => open.applySnapshot(idOrName)),
      delete: (idOrName) => this.#writing({}, 0, (open) => open.deleteSnapshot(idOrName)),
    };
    this.bitmaps = this.#bitmaps();
    this.amend = session && ((request) => this.#writing({}, 0, (open) => open.amend(request)));
    this.makeEmpty = session && (() => this.#writing({}, 0, (open) => open.makeEmpty()));
    const guestOver = (backing: BlockNode | undefined) => ({
      size: () => this.size,
      read: (offset: number, target: Uint8Array) => this.#read(offset, target, backing),
      readsAsZero: (offset: number, length: number) => this.#readsAsZero(offset, length, backing),
    });
    session?.attach(guestOver(this.#backing), guestOver(undefined));
    // In an external data file it would lie where that file's own disk may grow to.
    this.vmState = header.hasDataFile || snapshot !== undefined ? undefined : this.#vmState();
  }

  get size(): number {
    return this.#snapshot?.diskSize ?? this.#state.image.header.size;
  }

  /** Made once for each header and its snapshots: loops ask for the cluster size again and again. */
  get info(): NodeInfo {
    const { image, facts } = this.#state;
    if (this.#told?.image !== image || this.#told.facts !== facts) {
      this.#told = { image, facts, info: infoOf(image, facts, this.#file, this.#context) };
    }
    return this.#told.info;
  }

  read(offset: number, target: Uint8Array): Promise<void> {
    const session = this.#session;
    if (session === undefined) return this.#read(offset, target, this.#backing);
    const read = () => this.#read(offset, target, this.#backing);
    return this.#noticing(session, () => session.metadata.reading(read));
  }

  /** It lies behind the L2 tables of the disk, and nothing of a backing file shows there. */
  #vmState(): VmState {
    const begin = () => vmStateOffset(this.#state.image.header);
    return {
      read: async (offset, target) => {
        if (this.#file.raise) await this.#file.raise("vmstate_load");
        const read = () => this.#read(begin() + offset, target, undefined);
        const session = this.#session;
        if (session === undefined) return read();
        await this.#noticing(session, () => session.metadata.reading(read));
      },
      write: async (offset, source) => {
        if (this.#file.raise) await this.#file.raise("vmstate_save");
        await this.#writing({}, 0, (session) => session.writeVmState(begin() + offset, source));
      },
    };
  }

  /** An entry that breaks a rule ends a session that writes. */
  async #noticing<T>(session: WriteSession, body: () => Promise<T>): Promise<T> {
    session.metadata.corruption.expectUsable();
    try {
      return await body();
    } catch (error) {
      if (!(error instanceof CorruptEntry)) throw error;
      const { offset = 0, length = 1 } = error.context;
      throw await session.metadata.corruption.fatal(error.words, { offset, length });
    }
  }

  /** `backing` is what shows through. */
  async #read(offset: number, target: Uint8Array, backing: BlockNode | undefined): Promise<void> {
    let pending: Promise<void>[] = [];
    try {
      for (let done = 0; done < target.length; ) {
        const run = await this.#map.map(offset + done, target.length - done);
        const part = target.subarray(done, done + run.length);
        if (run.compressed !== undefined)
          pending.push(this.#readCompressed(run.compressed, offset + done, part));
        else await this.#readRun(run, offset + done, part, backing);
        if (pending.length >= mostAtOnce) await Promise.all(pending.splice(0));
        done += run.length;
      }
      await Promise.all(pending.splice(0));
    } finally {
      // Nothing writes to `target` once this has failed.
      pending = pending.map((one) => one.catch(() => undefined));
      await Promise.all(pending);
    }
  }

  async #readRun(
    run: Run,
    offset: number,
    target: Uint8Array,
    backing: BlockNode | undefined,
  ): Promise<void> {
    if (run.state === "zero") target.fill(0);
    else if (run.state === "unallocated") await this.#readBacking(offset, target, backing);
    else await this.#readData(run.hostOffset ?? 0, offset, target);
  }

  async #readData(hostOffset: number, offset: number, target: Uint8Array): Promise<void> {
    this.#refuseEncrypted(offset, target.length);
    const storage = this.#storage;
    if (storage === undefined) {
      throw new BlockError("ENOTSUP", "The image's external data file was not opened", {
        offset,
        length: target.length,
        hint: "Without it only the image's tables can be looked at.",
      });
    }
    if (storage.raise) await storage.raise("read_aio");
    await readPadded(storage, hostOffset, target);
  }

  #refuseEncrypted(offset: number, length: number): void {
    const { crypt } = this.#state.image.header;
    if (crypt === "none") return;
    throw new BlockError("ENOTSUP", `The image's data are encrypted (${crypt}) and can't be read here`, {
      offset,
      length,
      hint: "Its header, tables and map can be looked at without the key.",
      peer: { message: "Parameter 'encrypt.key-secret' is required for cipher" },
    });
  }

  async #readCompressed(
    place: NonNullable<Run["compressed"]>,
    offset: number,
    target: Uint8Array,
  ): Promise<void> {
    this.#refuseEncrypted(offset, target.length);
    const freed = this.#session?.metadata.freed ?? 0;
    if (freed !== this.#freed) this.#clusters.clear();
    this.#freed = freed;
    const known = this.#clusters.get(place.offset);
    const cluster = known ?? (await this.#decompress(place, offset));
    target.set(cluster.subarray(place.inCluster, place.inCluster + target.length));
  }

  async #decompress(place: NonNullable<Run["compressed"]>, offset: number): Promise<Uint8Array> {
    const { clusterSize, compression } = this.#state.image.header;
    const guest = { offset: offset - place.inCluster, length: clusterSize };
    if (!Number.isSafeInteger(place.offset + place.length)) {
      throw new BlockError("ECORRUPT", "A compressed cluster lies past the end of any file", guest);
    }
    if (this.#file.raise) await this.#file.raise("read_compressed");
    const stream = new Uint8Array(place.length);
    await readPadded(this.#file, place.offset, stream);
    try {
      const bytes = await decompress(stream, compression, clusterSize);
      this.#clusters.set(place.offset, bytes);
      return bytes;
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
      throw new BlockError(error.code, error.message, { ...error.context, ...guest }, { cause: error.cause });
    }
  }

  async #readBacking(offset: number, target: Uint8Array, backing: BlockNode | undefined): Promise<void> {
    const there = backing ? Math.max(0, Math.min(target.length, backing.size - offset)) : 0;
    if (there > 0) {
      if (this.#file.raise) await this.#file.raise("read_backing_aio");
      await backing?.read(offset, target.subarray(0, there));
    }
    target.fill(0, there);
  }

  /** Whether tables alone say so, those of backing files too. */
  async #readsAsZero(offset: number, length: number, backing: BlockNode | undefined): Promise<boolean> {
    for (let at = offset; at < offset + length; ) {
      const run = await this.#map.map(at, offset + length - at);
      if (run.state === "data") return false;
      if (run.state === "unallocated" && !(await isZero(backing, at, run.length))) return false;
      at += run.length;
    }
    return true;
  }

  async extentAt(offset: number, length: number): Promise<Extent> {
    const run = await this.#map.map(offset, length);
    const isPlain = run.compressed === undefined && this.#state.image.header.crypt === "none";
    const extent = {
      offset,
      length: run.length,
      state: run.state,
      compressed: run.compressed !== undefined,
      hostOffset: isPlain ? run.hostOffset : undefined,
    };
    if (run.state !== "data" || !isPlain) return extent;
    this.#isPreallocated ??= isPreallocated(this.#file, this.#state.image.header);
    return { ...extent, isPreallocated: await this.#isPreallocated };
  }

  async check(job: CheckJob): Promise<CheckResult> {
    const metadata = this.#session?.metadata;
    if (metadata?.corruption.isFatal === false) await metadata.exclusively(() => metadata.commitCounts());
    const { image, facts } = this.#state;
    return checkQcow2(this.#file, image, facts.snapshots, job, facts.snapshotFaults);
  }

  async planRepair(
    findings: readonly Finding[],
    result: CheckResult,
    mode: RepairExtent = "all",
    tell?: (lines: PeerLines) => void,
  ): Promise<RepairPlan> {
    const { image } = this.#state;
    const hasBacking = image.backing !== undefined;
    return planQcow2Repair(this.#file, image.header, findings, result, { hasBacking, mode, tell });
  }

  #bitmaps(): Bitmaps {
    const change = (body: (session: WriteSession) => Promise<void>) => this.#writing({}, 0, body);
    const state = this.#state;
    return {
      get canKeep() {
        return state.image.header.version >= 3;
      },
      list: () => this.#listBitmaps(),
      add: (name, granularity) => change(({ bitmaps }) => bitmaps.add(name, granularity, this.name)),
      remove: (name) => change(({ bitmaps }) => bitmaps.remove(name)),
      clear: (name) => change(({ bitmaps }) => bitmaps.clear(name)),
      enable: (name) => change(({ bitmaps }) => bitmaps.setAuto(name, true)),
      disable: (name) => change(({ bitmaps }) => bitmaps.setAuto(name, false)),
      merge: (name, source) => change(({ bitmaps }) => bitmaps.merge(name, source)),
      read: async (name) => {
        await this.#session?.bitmaps.settle();
        const bitmap = usable(this.#state.facts.bitmaps, name);
        return BitmapBits.read(this.#file, bitmap, this.#state.image.header);
      },
    };
  }

  async #listBitmaps(): Promise<readonly BitmapFacts[]> {
    await this.#session?.bitmaps.settle();
    const { image, facts } = this.#state;
    const { bitmaps: extension } = image.extensions;
    const isUnread = extension !== undefined && facts.bitmaps.length === 0;
    // The image is opened without those that can't be read; who asks for them is told why.
    const list = isUnread
      ? await readBitmaps(this.#file, extension, image.header.clusterSize)
      : facts.bitmaps;
    return list.map(({ name, granularity, isAuto, isInUse }) => {
      return { name, granularity, isEnabled: isAuto, isInconsistent: isInUse };
    });
  }

  describeAt(offset: number): Promise<string> {
    return this.#map.describe(offset);
  }

  async #reload(session: WriteSession, readFacts: Qcow2Parts["readFacts"]): Promise<void> {
    await session.reload(readFacts);
    this.#changed();
  }

  /** What was known of the image besides its tables. */
  #changed(): void {
    this.#isPreallocated = undefined;
  }

  async write(offset: number, source: Uint8Array, flags?: WriteFlags): Promise<void> {
    await this.#writing(flags, offset + source.length, (session) => session.write(offset, source));
  }

  async writeCompressed(offset: number, source: Uint8Array, flags: CompressedFlags = {}): Promise<void> {
    await this.#writing({}, offset + source.length, (session) =>
      session.writeCompressed(offset, source, flags),
    );
  }

  async writeZeroes(offset: number, length: number, flags: ZeroFlags = {}): Promise<void> {
    await this.#writing(flags, offset + length, (session) => session.writeZeroes(offset, length, flags));
  }

  async discard(offset: number, length: number): Promise<void> {
    await this.#writing({}, offset + length, (session) => session.discard(offset, length));
  }

  async resize(size: number, options: ResizeOptions = {}): Promise<void> {
    await this.#writing({}, 0, (session) => session.resize(size, options));
  }

  /** Of an image with a raw data file there may be none: what that file holds would be hidden by it. */
  async setBacking(backing: BackingName | undefined): Promise<void> {
    const { metadata } = this.#session ?? {};
    const { hasDataFile, autoclear: bits } = this.#state.image.header;
    if (backing !== undefined && hasDataFile && (bits & autoclear.rawDataFile) !== 0n) {
      const message = "Cannot use a backing file with an image whose data file is a raw image";
      throw new BlockError("EINVAL", message, { hint: "Convert it to an image without a data file." });
    }
    await metadata?.exclusively(() => metadata.header.rewrite({ backing: backing ?? null }));
  }

  async #writing(
    { fua = false }: WriteFlags = {},
    end: number,
    body: (session: WriteSession) => Promise<void>,
  ): Promise<void> {
    const session = this.#session;
    if (session === undefined) throw new BlockError("EROFS", "The image is open for reading only");
    if (end > this.size) {
      throw new BlockError("EINVAL", `The request ends at ${end}, past the end of the image at ${this.size}`);
    }
    this.#changed();
    const change = this.#noticing(session, () => body(session));
    this.#changes.add(change);
    await change.finally(() => this.#changes.delete(change));
    if (fua) await session.metadata.flush();
  }

  async flush(): Promise<void> {
    await this.#session?.metadata.flush();
  }

  async close(): Promise<void> {
    // What is under way belongs to what is made durable.
    await Promise.allSettled(this.#changes);
    await this.#session?.close();
  }
}

/** Of a backing file, as far as it reaches. */
async function isZero(backing: BlockNode | undefined, offset: number, length: number): Promise<boolean> {
  if (backing === undefined) return true;
  const end = Math.min(offset + length, backing.size);
  for (let at = offset; at < end; ) {
    const extent = await chainExtentAt(backing, at, end - at);
    if (extent.state === "data") return false;
    at += extent.length;
  }
  return true;
}

/** As it is now: an image that is written to grows. */
function geometryOf(state: Qcow2State, snapshot: Qcow2Snapshot | undefined): MapGeometry {
  const { version, clusterBits, clusterSize, l2Entries, l2EntryLength, hasDataFile } = state.image.header;
  const fixed = { version, clusterBits, clusterSize, l2Entries, l2EntryLength, hasDataFile };
  if (snapshot !== undefined) {
    return { ...fixed, l1: snapshotL1(snapshot, clusterSize), size: snapshot.diskSize };
  }
  return {
    ...fixed,
    get l1() {
      return state.image.header.l1;
    },
    get size() {
      return state.image.header.size;
    },
  };
}
