// The one gate: every node a driver returns is wrapped here. It checks ranges, safe integers, read-only and
// closed on the way in, and on the way out that failures are BlockErrors naming the node and that extents
// advance inside what was asked. Drivers therefore contain only their idea. BLKSCOPE_TRACE=<name or *> traces.
import { asBlockError, BlockError } from "../base/errors.ts";
import type { CheckJob, CheckResult, Finding, RepairExtent, RepairPlan } from "./finding.ts";
import type {
  AmendRequest,
  BackingName,
  Bitmaps,
  BlockNode,
  Breakpoints,
  Child,
  ChildSet,
  Extent,
  NodeInfo,
  ResizeOptions,
  Snapshots,
  VmState,
  WriteFlags,
  ZeroFlags,
} from "./node.ts";
import { discardAs, passAll, type WritePolicy, writeAs, zeroFlagsAs } from "./policy.ts";
import type { Structure } from "./structure.ts";

const traced = process.env.BLKSCOPE_TRACE;

/** Wraps a node; the result is what parents, operations and tests see. */
export function guard(inner: BlockNode, policy: WritePolicy = passAll): BlockNode {
  return new Guarded(inner, policy);
}

class Guarded implements BlockNode {
  readonly #inner: BlockNode;
  readonly #policy: WritePolicy;
  readonly #trace: boolean;
  #closed = false;
  readonly describeAt?: (offset: number) => Promise<string>;
  readonly check: ((job: CheckJob) => Promise<CheckResult>) | undefined;
  readonly planRepair:
    | ((findings: readonly Finding[], result: CheckResult, extent?: RepairExtent) => Promise<RepairPlan>)
    | undefined;
  readonly structure: Structure | undefined;
  readonly reload: (() => Promise<void>) | undefined;
  readonly setBacking: ((backing: BackingName | undefined) => Promise<void>) | undefined;
  readonly excludeWriters: (() => Promise<void>) | undefined;

  readonly writeCompressed: BlockNode["writeCompressed"];
  readonly readVector: ((offset: number, targets: readonly Uint8Array[]) => Promise<void>) | undefined;
  readonly readNow: ((offset: number, target: Uint8Array) => void) | undefined;
  readonly descriptor: number | undefined;
  readonly readsInPlace: boolean | undefined;
  readonly raise: ((event: string) => Promise<void>) | undefined;
  readonly breakpoints: Breakpoints | undefined;
  readonly childSet: ChildSet | undefined;
  readonly snapshots: Snapshots | undefined;
  readonly bitmaps: Bitmaps | undefined;
  readonly amend: ((request: AmendRequest) => Promise<void>) | undefined;
  readonly makeEmpty: (() => Promise<void>) | undefined;
  readonly vmState: VmState | undefined;
  readonly mark: ((text: string) => Promise<void>) | undefined;

  constructor(inner: BlockNode, policy: WritePolicy) {
    this.#inner = inner;
    this.#policy = policy;
    this.#trace = traced !== undefined && (traced === "*" || traced === inner.name);
    const describe = inner.describeAt?.bind(inner);
    if (describe) {
      this.describeAt = async (offset) => {
        this.#check("describe", offset, 1);
        return this.#run("describe", offset, 1, () => describe(offset));
      };
    }
    this.check = this.#whole("check", inner.check?.bind(inner));
    this.planRepair = this.#whole("plan a repair", inner.planRepair?.bind(inner));
    this.structure = inner.structure && this.#guardStructure(inner.structure);
    this.reload = this.#whole("reload", inner.reload?.bind(inner));
    this.excludeWriters = this.#whole("lock", inner.excludeWriters?.bind(inner));
    const writeCompressed = inner.writeCompressed?.bind(inner);
    this.writeCompressed =
      writeCompressed &&
      (async (offset, source, flags) => {
        this.#checkWrite("write", offset, source.length);
        if (source.length === 0) return;
        await this.#run("write compressed", offset, source.length, async () => {
          await writeCompressed(offset, source, flags);
          if (policy.writethrough) await inner.flush();
        });
      });
    const readVector = inner.readVector?.bind(inner);
    this.readVector =
      readVector &&
      (async (offset, targets) => {
        const length = targets.reduce((sum, part) => sum + part.length, 0);
        this.#check("read", offset, length);
        if (length > 0) await this.#run("read", offset, length, () => readVector(offset, targets));
      });
    const readNow = inner.readNow?.bind(inner);
    this.readNow =
      readNow &&
      ((offset, target) => {
        this.#check("read", offset, target.length);
        if (this.#trace) this.#traceOf("read", offset, target.length);
        try {
          if (target.length > 0) readNow(offset, target);
        } catch (thrown) {
          throw this.#failed(thrown, offset, target.length);
        }
      });
    // A trace shows all that is read.
    this.descriptor = this.#trace ? undefined : inner.descriptor;
    this.readsInPlace = this.#trace ? undefined : inner.readsInPlace;
    this.raise = inner.raise?.bind(inner);
    this.breakpoints = inner.breakpoints;
    this.childSet = inner.childSet;
    this.snapshots = inner.snapshots && this.#guardSnapshots(inner.snapshots);
    this.vmState = inner.vmState && this.#guardVmState(inner.vmState);
    this.mark = this.#whole("mark", inner.mark?.bind(inner));
    this.setBacking = this.#change("change the backing file", inner.setBacking?.bind(inner));
    this.bitmaps = inner.bitmaps && this.#guardBitmaps(inner.bitmaps);
    this.amend = this.#change("amend", inner.amend?.bind(inner));
    this.makeEmpty = this.#change("make empty", inner.makeEmpty?.bind(inner));
  }

  #guardSnapshots(inner: Snapshots): Snapshots {
    const guarded = (what: string, request: (name: string) => Promise<void>) => async (name: string) => {
      this.#checkWrite(what, 0, 0);
      await this.#run(what, 0, 0, () => request(name));
    };
    return {
      create: guarded("create a snapshot", (name) => inner.create(name)),
      apply: guarded("apply a snapshot", (name) => inner.apply(name)),
      delete: guarded("delete a snapshot", (name) => inner.delete(name)),
    };
  }

  #guardVmState(inner: VmState): VmState {
    return {
      read: async (offset, target) => {
        this.#checkOpen("read");
        await this.#run("read VM state", offset, target.length, () => inner.read(offset, target));
      },
      write: async (offset, source) => {
        this.#checkWrite("write", offset, source.length);
        await this.#run("write VM state", offset, source.length, async () => {
          await inner.write(offset, source);
          if (this.#policy.writethrough) await this.#inner.flush();
        });
      },
    };
  }

  #guardStructure(inner: Structure): Structure {
    const scan = this.#required("map", (...args: Parameters<Structure["scan"]>) => inner.scan(...args));
    return {
      get clusterSize() {
        return inner.clusterSize;
      },
      get fileSize() {
        return inner.fileSize;
      },
      scan: async (marks, job) => {
        const scanned = await scan(marks, job);
        const { references, guestKinds } = scanned;
        return {
          ...scanned,
          references: this.#required("find references", references),
          guestKinds: this.#required("map the guest's disk", guestKinds),
        };
      },
      describe: async (offset) => {
        this.#expectInFile(inner, offset);
        return this.#required("describe", () => inner.describe(offset))();
      },
      pointers: async (offset, ...rest) => {
        this.#expectInFile(inner, offset);
        return this.#required("find pointers", () => inner.pointers(offset, ...rest))();
      },
      guestEntry: async (offset) => {
        this.#check("describe", offset, 1);
        return this.#required("describe", () => inner.guestEntry(offset))();
      },
      storedReferences: this.#whole("find a refcount", inner.storedReferences?.bind(inner)),
      headerParts: this.#required("find what the header holds", () => inner.headerParts()),
    };
  }

  #expectInFile({ fileSize }: Structure, offset: number): void {
    if (Number.isSafeInteger(offset) && offset >= 0 && offset < fileSize) return;
    throw this.#error("EINVAL", `Offset ${offset} is not in the file of ${fileSize} bytes`, offset, 1);
  }

  /** A request of the whole node that not every format has. */
  #whole<A extends unknown[], T>(what: string, request: ((...args: A) => Promise<T>) | undefined) {
    return request && this.#required(what, request);
  }

  #guardBitmaps(inner: Bitmaps): Bitmaps {
    const guarded = <A extends unknown[]>(what: string, request: (...args: A) => Promise<void>) => {
      return async (...args: A) => {
        this.#checkWrite(what, 0, 0);
        await this.#run(what, 0, 0, () => request(...args));
      };
    };
    return {
      get canKeep() {
        return inner.canKeep;
      },
      list: this.#required("list the bitmaps", () => inner.list()),
      add: guarded("add a bitmap", (...args: Parameters<Bitmaps["add"]>) => inner.add(...args)),
      remove: guarded("remove a bitmap", (name: string) => inner.remove(name)),
      clear: guarded("clear a bitmap", (name: string) => inner.clear(name)),
      enable: guarded("enable a bitmap", (name: string) => inner.enable(name)),
      disable: guarded("disable a bitmap", (name: string) => inner.disable(name)),
      merge: guarded("merge bitmaps", (...args: Parameters<Bitmaps["merge"]>) => inner.merge(...args)),
      read: this.#required("read a bitmap", (name: string) => inner.read(name)),
    };
  }

  /** The same, of an image that is open for writing. */
  #change<A extends unknown[], T>(what: string, request: ((...args: A) => Promise<T>) | undefined) {
    return this.#whole(
      what,
      request &&
        ((...args: A) => {
          this.#checkWrite(what, 0, 0);
          return request(...args);
        }),
    );
  }

  #required<A extends unknown[], T>(what: string, request: (...args: A) => Promise<T>) {
    return async (...args: A) => {
      this.#checkOpen(what);
      return this.#run(what, 0, 0, () => request(...args));
    };
  }

  get name(): string {
    return this.#inner.name;
  }
  get driver(): string {
    return this.#inner.driver;
  }
  get readOnly(): boolean {
    return this.#inner.readOnly;
  }
  get children(): readonly Child[] {
    return this.#inner.children;
  }
  get size(): number {
    return this.#inner.size;
  }
  get info(): NodeInfo {
    return this.#inner.info;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    this.#check("read", offset, target.length);
    if (target.length > 0)
      await this.#run("read", offset, target.length, () => this.#inner.read(offset, target));
  }

  async write(offset: number, source: Uint8Array, flags?: WriteFlags): Promise<void> {
    this.#checkWrite("write", offset, source.length);
    if (source.length === 0) return;
    await this.#run("write", offset, source.length, () =>
      writeAs(this.#policy, this.#inner, offset, source, flags),
    );
  }

  async writeZeroes(offset: number, length: number, flags?: ZeroFlags): Promise<void> {
    this.#checkWrite("write zeroes", offset, length);
    if (length === 0) return;
    await this.#run("write zeroes", offset, length, () =>
      this.#inner.writeZeroes(offset, length, zeroFlagsAs(this.#policy, flags)),
    );
  }

  async discard(offset: number, length: number): Promise<void> {
    this.#checkWrite("discard", offset, length);
    if (length === 0) return;
    await this.#run("discard", offset, length, () => discardAs(this.#policy, this.#inner, offset, length));
  }

  async flush(): Promise<void> {
    this.#checkOpen("flush");
    await this.#run("flush", 0, 0, () => this.#inner.flush());
  }

  async resize(size: number, options?: ResizeOptions): Promise<void> {
    this.#checkWrite("resize", 0, 0);
    if (!Number.isSafeInteger(size) || size < 0) {
      throw this.#error("EINVAL", `A size of ${size} bytes is not possible`, 0, 0);
    }
    await this.#run("resize", size, 0, () => this.#inner.resize(size, options));
  }

  async extentAt(offset: number, length: number): Promise<Extent> {
    this.#check("block status", offset, length);
    if (length === 0) throw this.#error("EINVAL", "Block status of an empty range was asked", offset, 0);
    const extent = await this.#run("block status", offset, length, () =>
      this.#inner.extentAt(offset, length),
    );
    const whole = Number.isSafeInteger(extent.length);
    if (extent.offset !== offset || !whole || extent.length < 1 || extent.length > length) {
      const found = `${extent.length} bytes at ${extent.offset}`;
      throw this.#error("EIO", `${this.driver} answered block status with ${found}`, offset, length);
    }
    return extent;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#run("close", 0, 0, () => this.#inner.close());
  }

  async #run<T>(what: string, offset: number, length: number, request: () => Promise<T>): Promise<T> {
    if (this.#trace) this.#traceOf(what, offset, length);
    try {
      return await request();
    } catch (thrown) {
      throw this.#failed(thrown, offset, length);
    }
  }

  #traceOf(what: string, offset: number, length: number): void {
    process.stderr.write(`${this.name} (${this.driver}): ${what} ${offset}+${length}\n`);
  }

  #failed(thrown: unknown, offset: number, length: number): BlockError {
    const error = asBlockError(thrown);
    const { node = this.name, offset: at = offset, length: size = length } = error.context;
    const context = { ...error.context, node, offset: at, length: size };
    return new BlockError(error.code, error.message, context, { cause: error.cause });
  }

  #checkOpen(what: string): void {
    if (this.#closed) throw this.#error("EINVAL", `Can't ${what}: ${this.name} is closed`, 0, 0);
  }

  #checkWrite(what: string, offset: number, length: number): void {
    this.#checkOpen(what);
    if (this.readOnly)
      throw this.#error("EROFS", `Can't ${what}: ${this.name} is open read-only`, offset, length);
    // Protocols grow by a write past their end; formats reject it themselves.
    if (!Number.isSafeInteger(offset) || offset < 0 || !Number.isSafeInteger(offset + length) || length < 0) {
      throw this.#error("EINVAL", `Can't ${what} ${length} bytes at offset ${offset}`, offset, length);
    }
  }

  #check(what: string, offset: number, length: number): void {
    this.#checkOpen(what);
    const end = offset + length;
    // Both ends whole numbers makes the length one as well; not a number fails every comparison.
    const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(end);
    if (!whole || offset < 0 || length < 0 || end > this.#inner.size) {
      const range = `${length} bytes at offset ${offset}`;
      const message = `Can't ${what} ${range} of ${this.name}: its size is ${this.#inner.size} bytes`;
      throw this.#error("EINVAL", message, offset, length);
    }
  }

  #error(code: "EINVAL" | "EROFS" | "EIO", message: string, offset: number, length: number): BlockError {
    return new BlockError(code, message, { node: this.name, offset, length });
  }
}
