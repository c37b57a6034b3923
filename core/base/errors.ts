// The one error of the block core, and its plain form for every thread and process edge.
// A stop is an exception; what an inspection discovers is data (findings, mismatches), never thrown.

/** Errno-like codes, plus ECORRUPT (breaks its specification) and EMISMATCH (copies that must agree do not). */
export const blockErrorCodes = [
  "EIO",
  "EINVAL",
  "ENOENT",
  "EACCES",
  "EPERM",
  "EROFS",
  "EBUSY",
  "ENOSPC",
  "EFBIG",
  "ENOTSUP",
  "ECANCELED",
  "ECORRUPT",
  "EMISMATCH",
] as const;

export type BlockErrorCode = (typeof blockErrorCodes)[number];

export interface BlockErrorContext {
  /** Name of the node that failed. */
  readonly node?: string;
  /** Path of the file concerned. */
  readonly path?: string;
  /** The node's place in the tree of options, for what failed while it was opened: "children.1.file"; "" is the root. */
  readonly place?: string;
  /** The option of that node which is to blame, where a driver knows: "vote-threshold". */
  readonly option?: string;
  /** Of two images being compared, the one concerned. */
  readonly side?: "a" | "b";
  /** Byte offset and length of the range concerned, in the failing node's own address space. */
  readonly offset?: number;
  readonly length?: number;
  /** What the person may allow, so that the same request then succeeds: opening `path` as a backing file. */
  readonly consent?: "backing";
  /** What the person can do about it: one sentence. */
  readonly hint?: string;
  /** The system's number of the error, where `code` does not say it exactly: an error injected on purpose. */
  readonly errno?: number;
  /** The same in the words of qemu-img, for the multi-call program that takes its place. */
  readonly peer?: PeerWords;
}

export interface PeerWords {
  /** Lines of their own before it: where the peer tells the cause and what it kept from being done one by one. */
  readonly before?: readonly string[];
  /** Instead of `message`. */
  readonly message: string;
  /** Lines after it, instead of `hint`; without it none are printed. */
  readonly hint?: string;
}

export class BlockError extends Error {
  override readonly name = "BlockError";
  readonly code: BlockErrorCode;
  readonly context: BlockErrorContext;

  /** `message` says what was found and what was expected: "cluster_bits is 5; qcow2 allows 9 to 21". */
  constructor(
    code: BlockErrorCode,
    message: string,
    context: BlockErrorContext = {},
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.code = code;
    this.context = context;
  }
}

/** A BlockError as plain data: structured clone keeps neither `code` nor a custom `name`. */
export interface PlainError {
  readonly code: BlockErrorCode;
  readonly message: string;
  readonly context: BlockErrorContext;
  /** The chain of causes, outermost first, for the Details section of an error view. */
  readonly details: readonly string[];
}

export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: PlainError };

export function toPlain(error: unknown): PlainError {
  const own = asBlockError(error);
  const details: string[] = [];
  for (let cause = own.cause; cause !== undefined && details.length < 8; ) {
    details.push(cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return { code: own.code, message: own.message, context: own.context, details };
}

export function fromPlain(plain: PlainError): BlockError {
  const cause = plain.details.reduceRight<Error | undefined>(
    (inner, text) => new Error(text, inner === undefined ? undefined : { cause: inner }),
    undefined,
  );
  return new BlockError(
    plain.code,
    plain.message,
    plain.context,
    cause === undefined ? undefined : { cause },
  );
}

/** Any thrown value as a BlockError; what is not one already is an internal EIO with the original as cause. */
export function asBlockError(error: unknown): BlockError {
  if (error instanceof BlockError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new BlockError("EIO", message, {}, { cause: error });
}

/** For the end of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
