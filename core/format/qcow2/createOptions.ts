// The -o options of new qcow2 images: what they are, what they may be, and what they come to. Rules, their order and the
// words in place of the peer are qemu-img's (reference notes, "Writing").
import { isPowerOfTwo } from "../../base/bytes.ts";
import { BlockError } from "../../base/errors.ts";
import type { CreateOption, CreateRequest } from "../../block/driver.ts";
import type { BackingName, Preallocation } from "../../block/node.ts";
import { tooLarge, uncountable } from "./createSpace.ts";
import { limits, maxClusterBits, minClusterBits, subclustersPerCluster } from "./layout.ts";

export const createDefaults = { clusterSize: 65536, refcountBits: 16 } as const;

const encryption = "Encrypt the image with format 'aes'. (Deprecated in favor of encrypt.format=aes)";

/** In the order in which `Formatting` shows them. */
export const createOptions: readonly CreateOption[] = [
  { name: "encryption", type: "bool", help: encryption },
  { name: "encrypt.format", type: "str", help: "Encrypt the image, format choices: 'aes', 'luks'" },
  {
    name: "encrypt.key-secret",
    type: "str",
    help: "ID of secret providing qcow AES key or LUKS passphrase",
  },
  { name: "encrypt.cipher-alg", type: "str", help: "Name of encryption cipher algorithm" },
  { name: "encrypt.cipher-mode", type: "str", help: "Name of encryption cipher mode" },
  { name: "encrypt.ivgen-alg", type: "str", help: "Name of IV generator algorithm" },
  { name: "encrypt.ivgen-hash-alg", type: "str", help: "Name of IV generator hash algorithm" },
  { name: "encrypt.hash-alg", type: "str", help: "Name of encryption hash algorithm" },
  { name: "encrypt.iter-time", type: "num", help: "Time to spend in PBKDF in milliseconds" },
  { name: "cluster_size", type: "size", help: "qcow2 cluster size", default: createDefaults.clusterSize },
  { name: "extended_l2", type: "bool", help: "Extended L2 tables", default: false },
  {
    name: "preallocation",
    type: "str",
    help: "Preallocation mode (allowed values: off, metadata, falloc, full)",
  },
  {
    name: "compression_type",
    type: "str",
    help: "Compression method used for image cluster compression",
    default: "zlib",
  },
  { name: "size", type: "size", help: "Virtual disk size" },
  { name: "compat", type: "str", help: "Compatibility level (v2 [0.10] or v3 [1.1])" },
  { name: "backing_file", type: "str", help: "File name of a base image" },
  { name: "backing_fmt", type: "str", help: "Image format of the base image" },
  { name: "data_file", type: "str", help: "File name of an external data file" },
  { name: "data_file_raw", type: "bool", help: "The external data file must stay valid as a raw image" },
  { name: "lazy_refcounts", type: "bool", help: "Postpone refcount updates", default: false },
  {
    name: "refcount_bits",
    type: "num",
    help: "Width of a reference count entry in bits",
    default: createDefaults.refcountBits,
  },
];

/** A new image, every rule kept. */
export interface NewImage {
  readonly version: 2 | 3;
  readonly clusterSize: number;
  /** Guest bytes, whole sectors. */
  readonly size: number;
  readonly refcountOrder: number;
  readonly lazyRefcounts: boolean;
  readonly isExtended: boolean;
  readonly compression: "zlib" | "zstd";
  readonly preallocation: Preallocation;
  readonly dataFile: string | undefined;
  readonly isDataFileRaw: boolean;
  readonly backing: BackingName | undefined;
  readonly l1Entries: number;
}

type Options = CreateRequest["options"];

const sectorSize = 512;
const minSubclustered = subclustersPerCluster * sectorSize;

/** Throws EINVAL, ENOTSUP (encryption), EFBIG: what is wrong with the request. */
export function newImage(request: CreateRequest): NewImage {
  const { options, backing } = request;
  const version = versionOf(options);
  checkEncryption(options);
  const preallocation = oneOf(options, "preallocation", preallocations) ?? "off";
  const compression = oneOf(options, "compression_type", compressions) ?? "zlib";
  if (options.extended_l2 === true) needsV3(version, "Extended L2 entries are only supported");
  const { clusterSize, isExtended } = clusterSizeOf(options);
  const dataFile = textOf(options.data_file);
  const isDataFileRaw = options.data_file_raw === true;
  const mode = isDataFileRaw && preallocation === "off" ? "metadata" : preallocation;
  if (backing !== undefined && preallocation !== "off" && !isExtended) throw refused(preallocatedBacking);
  if (backing === undefined && options.backing_fmt !== undefined) {
    throw refused("Backing format cannot be used without backing file");
  }
  const lazyRefcounts = options.lazy_refcounts === true;
  if (lazyRefcounts) needsV3(version, "Lazy refcounts only supported");
  const refcountOrder = refcountOrderOf(options, version);
  if (isDataFileRaw && dataFile === undefined) throw refused("data-file-raw requires data-file");
  if (isDataFileRaw && backing !== undefined) {
    throw refused("Backing file and data-file-raw cannot be used at the same time");
  }
  if (dataFile !== undefined) needsV3(version, "External data files are only supported");
  if (compression !== "zlib") needsV3(version, "Non-zlib compression type is only supported");
  refuseEncryption(options);
  const size = Math.ceil(request.size / sectorSize) * sectorSize;
  return {
    version,
    clusterSize,
    size,
    refcountOrder,
    lazyRefcounts,
    isExtended,
    compression,
    preallocation: mode,
    dataFile,
    isDataFileRaw,
    backing,
    l1Entries: l1EntriesOf(size, { clusterSize, isExtended }),
  };
}

export const preallocations = ["off", "metadata", "falloc", "full"] as const;
const compressions = ["zlib", "zstd"] as const;
const preallocatedBacking =
  "Backing file and preallocation can only be used at the same time if extended_l2 is on";

/** Entries of the L1 table. Throws EFBIG. */
export function l1EntriesOf(
  size: number,
  { clusterSize, isExtended }: Pick<NewImage, "clusterSize" | "isExtended">,
): number {
  const entries = Math.ceil(size / (clusterSize * (clusterSize / (isExtended ? 16 : 8))));
  if (!Number.isSafeInteger(size)) throw uncountable();
  if (entries * 8 > limits.l1Table) throw tooLarge();
  return entries;
}

export function clusterSizeOf(options: Options): Pick<NewImage, "clusterSize" | "isExtended"> {
  const clusterSize = Number(options.cluster_size ?? createDefaults.clusterSize);
  const isExtended = options.extended_l2 === true;
  if (!isPowerOfTwo(clusterSize, 2 ** minClusterBits, 2 ** maxClusterBits)) {
    throw refused("Cluster size must be a power of two between 512 and 2048k");
  }
  if (isExtended && clusterSize < minSubclustered) {
    throw refused(
      `Extended L2 entries are only supported with cluster sizes of at least ${minSubclustered} bytes`,
    );
  }
  return { clusterSize, isExtended };
}

export function refcountOrderOf(options: Options, version: 2 | 3): number {
  const bits = Number(options.refcount_bits ?? createDefaults.refcountBits);
  if (!isPowerOfTwo(bits, 1, 64)) {
    throw refused("Refcount width must be a power of two and may not exceed 64 bits");
  }
  if (bits !== 16) needsV3(version, "Different refcount widths than 16 bits require", "");
  return Math.log2(bits);
}

/** Names of the two versions. */
export const levels: ReadonlyMap<string, 2 | 3> = new Map([
  ["0.10", 2],
  ["v2", 2],
  ["1.1", 3],
  ["v3", 3],
]);

export function versionOf({ compat = "v3" }: Options): 2 | 3 {
  const version = levels.get(String(compat));
  if (version !== undefined) return version;
  throw new BlockError("EINVAL", `There is no compatibility level '${compat}'`, {
    option: "compat",
    hint: "Compatibility levels are v2 (the same as 0.10) and v3 (the same as 1.1).",
    peer: { message: `Parameter 'version' does not accept value '${compat}'` },
  });
}

/** undefined: not given. */
export function oneOf<T extends string>(options: Options, name: string, values: readonly T[]): T | undefined {
  const given = options[name];
  if (given === undefined) return undefined;
  const value = values.find((known) => known === given);
  if (value !== undefined) return value;
  throw new BlockError("EINVAL", `There is no ${name.replace("_", " ")} '${given}'`, {
    option: name,
    hint: `It is one of ${values.join(", ")}.`,
    peer: { message: `Parameter '${name.replace("_", "-")}' does not accept value '${given}'` },
  });
}

/** Throws for options of encryption that make no sense, as early as the peer does. */
function checkEncryption(options: Options): void {
  const format = textOf(options["encrypt.format"]);
  const isAsked = Object.keys(options).some((name) => name.startsWith("encrypt."));
  if (format !== undefined && options.encryption !== undefined) {
    throw refused("'encrypt.format' and its alias 'encryption' can't be used at the same time");
  }
  if (isAsked && format === undefined && options.encryption !== true) {
    throw refused("Parameter 'encrypt.format' is missing");
  }
  if (format === undefined || format === "aes" || format === "luks") return;
  throw new BlockError("EINVAL", `There is no encryption format '${format}'`, {
    option: "encrypt.format",
    hint: "It is aes or luks.",
    peer: { message: `Parameter 'format' does not accept value '${format}'` },
  });
}

/** Throws for everything but `encryption=off`: images are not encrypted here. */
function refuseEncryption(options: Options): void {
  if (options["encrypt.format"] === undefined && options.encryption !== true) return;
  const secret = textOf(options["encrypt.key-secret"]);
  const needed = "Parameter 'encrypt.key-secret' is required for cipher";
  throw new BlockError("ENOTSUP", "Encrypted qcow2 images can't be made here", {
    option: options.encryption === true ? "encryption" : "encrypt.format",
    hint: "Leave the options of encryption out, or make the image with qemu-img.",
    peer: { message: secret === undefined ? needed : `No secret with id '${secret}'` },
  });
}

function textOf(value: string | number | boolean | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

function needsV3(version: 2 | 3, what: string, joint = "with "): void {
  if (version === 3) return;
  const level = "compatibility level 1.1 and above";
  const words = joint === "" ? level.replace("and", "or") : level;
  throw refused(`${what} ${joint}${words} (use version=v3 or greater)`);
}

function refused(message: string): BlockError {
  return new BlockError("EINVAL", message);
}
