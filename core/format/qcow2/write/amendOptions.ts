// The options of `amend`: what they are, and what is wrong with a request, in the peer's order and words (reference notes,
// "Writing"). Everything that can be refused is refused before anything is changed.
import { isPowerOfTwo } from "../../../base/bytes.ts";
import { BlockError, type BlockErrorCode } from "../../../base/errors.ts";
import type { CreateOption } from "../../../block/driver.ts";
import type { AmendRequest } from "../../../block/node.ts";
import { createOptions, levels } from "../createOptions.ts";
import type { Qcow2Image } from "../header.ts";
import type { Qcow2Facts } from "../info.ts";
import { autoclear, incompatible } from "../layout.ts";

const shared = [
  "backing_file",
  "backing_fmt",
  "compat",
  "data_file",
  "data_file_raw",
  "lazy_refcounts",
  "refcount_bits",
  "size",
];

export const amendOptions: readonly CreateOption[] = [
  ...createOptions.filter(({ name }) => shared.includes(name)),
  { name: "encrypt.iter-time", type: "num", help: "Time to spend in PBKDF in milliseconds" },
  { name: "encrypt.keyslot", type: "num", help: "Select a single keyslot to modify explicitly" },
  {
    name: "encrypt.new-secret",
    type: "str",
    help: "New secret to set in the matching keyslots. Empty string to erase",
  },
  { name: "encrypt.old-secret", type: "str", help: "Select all keyslots that match this password" },
  {
    name: "encrypt.state",
    type: "str",
    help: "Select new state of affected keyslots (active/inactive)",
  },
];

/** What the image is to be; undefined: as it is. */
export interface Amendment {
  readonly version: 2 | 3;
  readonly refcountOrder: number;
  readonly lazyRefcounts: boolean | undefined;
  /** Guest bytes. */
  readonly size: number | undefined;
  /** Empty: the image no longer says. */
  readonly dataFile: string | undefined;
  readonly isDataFileRaw: boolean;
}

type Options = AmendRequest["options"];

/** Throws EINVAL, ENOTSUP: what is wrong with the request. `checkSize` throws what is wrong with the size. */
export function amendment(
  options: Options,
  image: Qcow2Image,
  facts: Qcow2Facts,
  checkSize: (size: number, version: 2 | 3) => void,
): Amendment {
  const { header } = image;
  refuseEncryption(options, header.crypt);
  const version = versionOf(options, header.version);
  const isRaw = (header.autoclear & autoclear.rawDataFile) !== 0n;
  const { data_file: dataFile, data_file_raw: raw = isRaw, lazy_refcounts: lazy } = options;
  if (dataFile !== undefined && !header.hasDataFile) {
    throw refused("EINVAL", "data-file can only be set for images that use an external data file");
  }
  if (raw === true && !isRaw) {
    throw refused("EINVAL", "data-file-raw cannot be set on existing images");
  }
  const bits = Number(options.refcount_bits ?? 2 ** header.refcountOrder);
  if (!isPowerOfTwo(bits, 1, 64)) {
    throw refused("EINVAL", "Refcount width must be a power of two and may not exceed 64 bits");
  }
  const refcountOrder = Math.log2(bits);
  if (refcountOrder !== header.refcountOrder && bits !== 16 && version < 3) {
    const needed = "require compatibility level 1.1 or above (use compat=1.1 or greater)";
    throw refused("EINVAL", `Refcount widths other than 16 bits ${needed}`);
  }
  refuseBacking(options, image);
  if (lazy === true && version < 3) {
    const needed = "only supported with compatibility level 1.1 and above (use compat=1.1 or greater)";
    throw refused("EINVAL", `Lazy refcounts ${needed}`);
  }
  // The peer takes 0 for a size that was not given.
  const size = Number(options.size ?? 0) || undefined;
  // The size changes after an upgrade and before a downgrade.
  if (size !== undefined) checkSize(size, version === 3 ? 3 : header.version);
  if (version < header.version) refuseDowngrade(image, facts, refcountOrder, size ?? header.size);
  return {
    version,
    refcountOrder,
    lazyRefcounts: lazy === undefined ? undefined : lazy === true,
    size,
    dataFile: dataFile === undefined ? undefined : String(dataFile),
    isDataFileRaw: raw === true,
  };
}

function refuseEncryption(options: Options, crypt: Qcow2Image["header"]["crypt"]): void {
  if (!Object.keys(options).some((name) => name.startsWith("encrypt."))) return;
  if (crypt === "none") {
    throw refused("EINVAL", "Can't amend encryption options - encryption not present");
  }
  if (crypt === "aes") {
    throw refused("ENOTSUP", "Only LUKS encryption options can be amended for qcow2 with amend");
  }
  const hint = "Keys of LUKS images are changed with qemu-img amend.";
  throw new BlockError("ENOTSUP", "Keys of encrypted images can't be changed here", { hint });
}

function versionOf({ compat }: Options, old: 2 | 3): 2 | 3 {
  if (compat === undefined) return old;
  const version = levels.get(String(compat));
  if (version !== undefined) return version;
  throw new BlockError("EINVAL", `Unknown compatibility level ${compat}`, {
    option: "compat",
    hint: "Compatibility levels are 0.10 (the same as v2) and 1.1 (the same as v3).",
    peer: { message: `Unknown compatibility level ${compat}` },
  });
}

/** The same as it has is no change. */
function refuseBacking(options: Options, { backing, extensions }: Qcow2Image): void {
  const { backing_file: file, backing_fmt: format } = options;
  if (file === undefined && format === undefined) return;
  const isSame = file === backing?.text && format === extensions.backingFormat;
  if (isSame) return;
  throw new BlockError("EINVAL", "Cannot amend the backing file", {
    hint: "Change it with blkscope rebase.",
    peer: { message: "Cannot amend the backing file", hint: "You can use 'qemu-img rebase' instead." },
  });
}

/** What version 2 can't say. */
function refuseDowngrade(
  { header }: Qcow2Image,
  { snapshots }: Qcow2Facts,
  refcountOrder: number,
  size: number,
): void {
  if (refcountOrder !== 4) {
    const hint = "Change the width along with it: -o compat=0.10,refcount_bits=16.";
    throw refused("ENOTSUP", "compat=0.10 requires refcount_bits=16", hint);
  }
  if (header.hasDataFile) throw refused("ENOTSUP", "Cannot downgrade an image with a data file");
  if (snapshots.some(({ diskSize, vmStateSize }) => diskSize !== size || vmStateSize > 0xffffffff)) {
    const hint = "Version 2 has one size for the disk and all snapshots: delete those that had another.";
    throw refused("ENOTSUP", "Internal snapshots prevent downgrade of image", hint);
  }
  const kept = incompatible.dirty | incompatible.compressionType;
  const features = header.incompatible & ~kept;
  if (features !== 0n) {
    const message = `Cannot downgrade an image with incompatible features 0x${features.toString(16)} set`;
    throw refused("ENOTSUP", message, "Convert it into a new image: convert -o compat=0.10.");
  }
  if (header.crypt === "luks") {
    throw refused("ENOTSUP", "Cannot downgrade an image that is encrypted with LUKS");
  }
}

function refused(code: BlockErrorCode, message: string, hint?: string): BlockError {
  return new BlockError(code, message, { ...(hint !== undefined && { hint }), peer: { message } });
}
