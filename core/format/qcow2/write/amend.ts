// Options of an image that are changed later: its version, the width of refcounts, lazy refcounts, its size, and what it
// says of its data file. In the peer's order: what needs version 3 comes after the upgrade, what can't stay in version 2
// goes before the downgrade. Each step is durable, and the image is whole between any two.
import { asBlockError, BlockError } from "../../../base/errors.ts";
import { strerror } from "../../../base/strerror.ts";
import type { AmendRequest, BlockNode } from "../../../block/node.ts";
import { extensionTypes } from "../extensions.ts";
import { featureNamesFor } from "../headerBytes.ts";
import { autoclear, compatible } from "../layout.ts";
import { type Amendment, amendment } from "./amendOptions.ts";
import { ZeroExpansion } from "./expandZeroes.ts";
import type { ExtensionRecord, HeaderLayout } from "./headerFile.ts";
import type { L2Tables } from "./l2.ts";
import type { Metadata } from "./metadata.ts";
import { RefcountWidth } from "./refcountWidth.ts";
import type { Resizer } from "./resize.ts";
import type { SnapshotWriter } from "./snapshots.ts";

export interface AmenderParts {
  readonly metadata: Metadata;
  readonly l2: L2Tables;
  readonly file: BlockNode;
  readonly resizer: Resizer;
  readonly snapshots: SnapshotWriter;
  readonly hasBacking: boolean;
  resize(size: number): Promise<void>;
  /** Takes all bitmaps out of the image. */
  removeBitmaps(): Promise<void>;
}

type Step = (progress: (part: number) => void) => Promise<void>;

export class Amender {
  readonly #parts: AmenderParts;

  constructor(parts: AmenderParts) {
    this.#parts = parts;
  }

  /** Throws EINVAL and ENOTSUP before anything is changed; EFBIG, ENOSPC, ECORRUPT, EIO. */
  async amend({ options, progress }: AmendRequest): Promise<void> {
    const { metadata, resizer } = this.#parts;
    const wanted = amendment(options, metadata.image, metadata.facts, (size, version) =>
      resizer.expectPossible(size, "off", version),
    );
    if (wanted.version === 2 && metadata.geometry.version === 3) await this.#expectNoZstd();
    const steps = this.#steps(wanted);
    for (const [index, step] of steps.entries()) {
      await step((part) => progress?.((index + part) / steps.length));
    }
    progress?.(1);
  }

  #steps(wanted: Amendment): Step[] {
    const { metadata } = this.#parts;
    const { version, refcountOrder } = metadata.geometry;
    const { size } = wanted;
    const steps: Step[] = [];
    if (wanted.version > version) steps.push(() => this.#upgrade());
    if (wanted.refcountOrder !== refcountOrder) {
      steps.push((progress) => this.#alone(() => this.#width(wanted.refcountOrder).change(progress)));
    }
    steps.push(() => this.#setFields(wanted));
    if (size !== undefined) steps.push(() => this.#parts.resize(size));
    if (wanted.version < version) steps.push((progress) => this.#downgrade(progress));
    return steps;
  }

  #width(order: number): RefcountWidth {
    return new RefcountWidth(this.#parts.metadata, this.#parts.file, order);
  }

  /** Nothing else changes the image meanwhile. */
  #alone(body: () => Promise<void>): Promise<void> {
    const { metadata } = this.#parts;
    return metadata.guest.run(0, Number.MAX_SAFE_INTEGER, "exclusive", () =>
      metadata.exclusively(async () => {
        await metadata.beforeTables();
        await body();
      }),
    );
  }

  async #upgrade(): Promise<void> {
    const { metadata, snapshots } = this.#parts;
    // Entries of version 3 say the disk's size.
    await snapshots.completeEntries();
    await this.#alone(async () => {
      const { list } = metadata.image.extensions;
      const names = featureNamesFor(metadata.geometry.clusterSize);
      const others = list.filter(({ type }) => type !== extensionTypes.featureNames);
      const extensions = names === undefined ? others : [...others, names];
      await metadata.commit();
      await metadata.header.rewrite({ version: 3, extensions });
    });
  }

  /** What lies in the header alone. */
  #setFields(wanted: Amendment): Promise<void> {
    const { metadata } = this.#parts;
    return this.#alone(async () => {
      const { geometry, image } = metadata;
      if (geometry.version === 2) return;
      const lazy = wanted.lazyRefcounts ?? (geometry.compatible & compatible.lazyRefcounts) !== 0n;
      // Without lazy refcounts nobody would clear the dirty bit.
      await metadata.commitAll();
      if (!lazy) await metadata.settle();
      const bits = (old: bigint, bit: bigint, isSet: boolean) => (isSet ? old | bit : old & ~bit);
      const layout: HeaderLayout = {
        change: {
          compatible: bits(geometry.compatible, compatible.lazyRefcounts, lazy),
          autoclear: bits(geometry.autoclear, autoclear.rawDataFile, wanted.isDataFileRaw),
        },
        ...(wanted.dataFile !== undefined && {
          extensions: withDataFile(image.extensions.list, wanted.dataFile),
        }),
      };
      await metadata.header.rewrite(layout);
    });
  }

  /** Bitmaps and features that version 2 does not have are gone afterwards. */
  async #downgrade(progress: (part: number) => void): Promise<void> {
    const { metadata, l2, file, hasBacking } = this.#parts;
    await this.#parts.removeBitmaps();
    await this.#alone(async () => {
      await metadata.overlaps.changingSnapshots(async () => {
        await new ZeroExpansion({ metadata, l2, file, hasBacking }).run(progress).catch((thrown: unknown) => {
          throw notExpanded(asBlockError(thrown));
        });
        await metadata.commitAll();
        await metadata.settle();
      });
      const left: readonly number[] = [extensionTypes.featureNames, extensionTypes.bitmaps];
      const extensions = metadata.image.extensions.list.filter(({ type }) => !left.includes(type));
      await metadata.header.rewrite({ version: 2, extensions });
    });
  }

  /** Version 2 knows one way to compress. */
  async #expectNoZstd(): Promise<void> {
    const { metadata, l2, file, hasBacking } = this.#parts;
    if (metadata.geometry.compression === "zlib") return;
    const hasCompressed = await metadata.exclusively(() =>
      new ZeroExpansion({ metadata, l2, file, hasBacking }).hasCompressed(),
    );
    if (!hasCompressed) return;
    throw new BlockError(
      "ENOTSUP",
      "The image has clusters compressed with zstd, which version 2 can't have",
      {
        hint: "Convert it into a new image: convert -o compat=0.10.",
        peer: {
          message: "Cannot downgrade an image with zstd compression type and existing compressed clusters",
        },
      },
    );
  }
}

/** The peer names a table that can't be found first; of what can't be read it tells no more than that. */
function notExpanded(error: BlockError): BlockError {
  const { code, message, context } = error;
  const cause = code === "EIO" ? undefined : context.peer?.message;
  const peer = {
    ...(cause !== undefined && { before: [cause] }),
    message: `Failed to turn zero into data clusters: ${strerror(error)}`,
  };
  return new BlockError(code, message, { ...context, peer }, { cause: error });
}

/** An empty name takes it out. */
function withDataFile(list: readonly ExtensionRecord[], name: string): ExtensionRecord[] {
  const others = list.filter(({ type }) => type !== extensionTypes.dataFile);
  if (name === "") return others;
  const record = { type: extensionTypes.dataFile, data: new TextEncoder().encode(name) };
  const at = list.findIndex(({ type }) => type === extensionTypes.dataFile);
  return at < 0 ? [record, ...others] : [...others.slice(0, at), record, ...others.slice(at)];
}
