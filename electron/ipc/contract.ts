// The one table of calls from the renderer and events to it. No electron import: the renderer takes its
// types from here, main parses every request with its schema, the preload exposes only these names.
import * as z from "zod";
import type { PlainError } from "../../core/base/errors.ts";
import type { OptionField } from "../../core/block/optionForm.ts";
import { clusterKinds, type StructureAt } from "../../core/block/structure.ts";
import type { Answer, JobName, JobProgress, Jobs } from "../../core/jobs/contract.ts";
import type { ImageEvents } from "../../core/jobs/imageEvents.ts";
import type { ImageSummary, Location, Page } from "../../core/jobs/sessionContract.ts";
import { longestDetail } from "../../core/ops/logIndexRun.ts";
import type {
  EarlierJournal,
  JournalFacts,
  PreflightCheck,
  RepairFinished,
  RepairWritten,
} from "../../core/ops/repairRun.ts";
import { opNames } from "../../core/query/tree.ts";

const token = z.uuid();
const imageId = z.int().nonnegative();
const byteOffset = z.int().nonnegative();
const jobId = z.int().nonnegative();
/** Characters of a path such as "backing/backing/file": the deepest chain has 200 backing files. */
const longestNodePath = 2000;
const mapOrder = z.enum(["file", "guest"]);
/** A display filter; longer ones are refused with words by whoever parses it. */
const logFilter = z.string().max(4096);
const imageNode = z.strictObject({ image: imageId, node: z.string().max(longestNodePath) });

/** A file the person chose, as the renderer knows it. The path stays in main; `folder` is for display only. */
export interface FileRef {
  readonly token: string;
  readonly name: string;
  readonly folder: string;
  /** Not one file but a graph of nodes, put together in this run of the app. */
  readonly isGraph?: true;
}

export interface OpenedImage extends ImageSummary {
  readonly file: FileRef;
  /** The file system refuses writing, or only the app does (it always opens read-only). */
  readonly writable: boolean;
}

/** A driver as a form asks for it. */
export interface DriverForm {
  readonly name: string;
  readonly kind: "protocol" | "format" | "filter";
  readonly fields: readonly OptionField[];
}

/** What is wrong with an option of a graph: the path of its name ("children", "1", "filename"). */
export interface OptionProblem {
  readonly place: readonly string[];
  readonly message: string;
}

/** A tree of options with tokens in place of file names, and its checks. */
export interface GraphCheck {
  readonly problems: readonly OptionProblem[];
  /** The same graph for the command line, for show; empty while there are problems. */
  readonly imageOpts: string;
  readonly json: string;
}

export interface AppInfo {
  readonly name: string;
  readonly versions: { app: string; electron: string; chromium: string; node: string; v8: string };
  readonly platform: "linux" | "darwin" | "win32";
  /** Files given on the command line, and the view they are for. */
  readonly startup: { files: readonly FileRef[]; view: "welcome" | "hex" | "compare" };
  readonly recent: readonly RecentItem[];
  readonly sample: { a: FileRef; b: FileRef } | undefined;
  readonly development: boolean;
  /** Formats whose images can be checked. */
  readonly checkedFormats: readonly string[];
  readonly theme: "system" | "light" | "dark";
}

/** One entry of the recent list: an image, or a pair that was compared. */
export interface RecentItem {
  readonly files: readonly FileRef[];
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly missing: boolean;
}

/** A journal as the page knows it: its paths are names for show. */
export interface JournalLook extends JournalFacts {
  /** The image's file; undefined when it is not there. One elsewhere was not touched: to name it is to agree to that. */
  readonly image: FileRef | undefined;
}

/** What stands in the way of a repair; the journal that does, as a file. */
export interface ShownCheck extends Omit<PreflightCheck, "earlier"> {
  readonly earlier?: Omit<EarlierJournal, "journal"> & { readonly file: FileRef };
}

/** A journal beside an open image: of a repair that was cut off or never begun, or one that can't be used. */
export type UnfinishedRepair =
  | { readonly file: FileRef; readonly facts: JournalLook; readonly error: undefined }
  | { readonly file: FileRef; readonly facts: undefined; readonly error: PlainError };

/** What was written, in files the page can open; paths are names for show. */
export interface WrittenRepair extends RepairWritten {
  readonly targetFile: FileRef;
  readonly journalFile: FileRef | undefined;
}

export interface FinishedRepair extends RepairFinished {
  readonly facts: JournalLook;
}

export type FileState =
  | { readonly kind: "same" }
  | { readonly kind: "changed"; readonly at: number; readonly sizeDelta: number }
  | { readonly kind: "missing" };

interface Channel<S extends z.ZodType, R> {
  readonly request: S;
  readonly reply?: R;
}
function channel<R>() {
  return <S extends z.ZodType>(request: S): Channel<S, R> => ({ request });
}
const nothing = z.undefined();
/** Of items of a repair; an offer has at most 100,000, the end of the file and the dirty bit. */
const repairId = z.string().min(1).max(64);
const repairIds = z.array(repairId).max(100_002);
/** Options of a graph; what is in them is checked with the drivers' schemas. */
const graphOptions = z.record(z.string().max(64), z.json());

/** The disk before a log: an open image, or the file of one with a format as it is. */
const logBase = { base: imageId.optional(), baseAsFile: z.literal(true).optional() };
const bisectMoments = z.union([
  z.enum(["flush", "fua", "mark", "each"]),
  z.int().min(1),
  z.strictObject({ count: z.int().min(1).max(100_000), seed: z.int().nonnegative(), torn: z.boolean() }),
]);
/** A command is what a person typed: main parses it, shows it and asks before it runs. */
const bisectJudge = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("check"), format: z.string().max(64) }),
  z.strictObject({
    kind: z.literal("command"),
    line: z.string().max(2000),
    shell: z.boolean(),
    /** After which it is ended, and the state fails. */
    seconds: z.int().min(1).max(86_400),
  }),
]);

export const channels = {
  "app:info": channel<AppInfo>()(nothing),
  "app:ready": channel<undefined>()(nothing),
  "app:theme": channel<undefined>()(z.enum(["system", "light", "dark"])),
  /** The ids of commands that can run now, so that the native menu shows the same. */
  "app:commands": channel<undefined>()(
    z.strictObject({
      enabled: z.array(z.string().max(64)).max(500),
      checked: z.array(z.string().max(64)).max(500),
    }),
  ),
  "app:title": channel<undefined>()(z.string().max(500)),
  /** Shows the native open dialog; an empty list means it was dismissed. */
  "files:choose": channel<readonly FileRef[]>()(
    z.strictObject({ title: z.string().max(200), multiple: z.boolean() }),
  ),
  /** Shows the native dialog for a new file; undefined means it was dismissed. Nothing is made. */
  "files:chooseSave": channel<FileRef | undefined>()(
    z.strictObject({ title: z.string().max(200), suggestedName: z.string().max(200) }),
  ),
  "files:recent": channel<readonly RecentItem[]>()(nothing),
  "files:clearRecent": channel<undefined>()(nothing),
  /** Takes the one recent item of exactly these files off the list. */
  "files:forget": channel<undefined>()(z.array(token).min(1).max(2)),
  /** Remembers that these files were opened together. */
  "files:remember": channel<undefined>()(z.array(token).min(1).max(2)),
  "image:open": channel<OpenedImage>()(
    z.strictObject({
      token,
      format: z.enum(["raw", "qed", "qcow2"]).optional(),
      trustBacking: z.boolean().optional(),
    }),
  ),
  /** A snapshot inside an open image, by its id or name, as an image that can be opened; `label` is for show. */
  "image:snapshot": channel<FileRef>()(
    z.strictObject({ image: imageId, snapshot: z.string().max(0xffff), label: z.string().max(0xffff) }),
  ),
  /** The drivers a graph can be put together from. */
  "graph:drivers": channel<readonly DriverForm[]>()(nothing),
  "graph:check": channel<GraphCheck>()(z.strictObject({ options: graphOptions })),
  /** Keeps a graph without problems; it is opened by its token, as a file is. */
  "graph:keep": channel<FileRef>()(z.strictObject({ options: graphOptions })),
  /** Copies the graph as the command line takes it. */
  "graph:copy": channel<undefined>()(
    z.strictObject({ options: graphOptions, as: z.enum(["image-opts", "json"]) }),
  ),
  "image:close": channel<undefined>()(z.strictObject({ image: imageId })),
  "image:read": channel<Page>()(
    z.strictObject({
      image: imageId,
      node: z.string().max(longestNodePath),
      offset: byteOffset,
      length: z
        .int()
        .min(1)
        .max(1 << 20),
    }),
  ),
  "image:locate": channel<readonly Location[]>()(z.strictObject({ image: imageId, offset: byteOffset })),
  /** The table and field that a byte of a format's file belongs to; `node` is the path of that file. */
  "image:describe": channel<StructureAt | undefined>()(
    z.strictObject({ image: imageId, node: z.string().max(longestNodePath), offset: byteOffset }),
  ),
  /** The file's state on disk against what it was when opened (or last asked with `accept`). */
  "image:state": channel<FileState>()(z.strictObject({ image: imageId, accept: z.boolean() })),
  "job:compare": channel<{ job: number }>()(
    z.strictObject({
      a: imageId,
      b: imageId,
      strict: z.boolean(),
      from: byteOffset,
      shift: z.int(),
      rowsBefore: z.int().nonnegative(),
    }),
  ),
  /** Counts the votes of a quorum's children over the whole disk. */
  "job:votes": channel<{ job: number }>()(
    z.strictObject({
      image: imageId,
      node: z.string().max(longestNodePath),
      from: byteOffset,
      runsBefore: z.int().nonnegative(),
    }),
  ),
  /** Checks the tables of a node: findings are its items. */
  "job:check": channel<{ job: number }>()(imageNode),
  /** Maps the clusters of a node's file. Its end is told when the scan is over; then it answers until cancelled. */
  "job:map": channel<{ job: number }>()(imageNode),
  /** Writes the image's tables without its data to a new file; `to` is the token of one that was chosen for saving. */
  "job:bundle": channel<{ job: number }>()(imageNode.extend({ to: token, redactNames: z.boolean() })),
  "map:tile": channel<Answer<"map", "tile">>()(
    z.strictObject({
      job: jobId,
      level: byteOffset,
      first: byteOffset,
      count: byteOffset,
      order: mapOrder,
    }),
  ),
  "map:place": channel<Answer<"map", "place">>()(
    z.strictObject({ job: jobId, offset: byteOffset, limit: z.int().min(0).max(10_000) }),
  ),
  "map:guestPlace": channel<Answer<"map", "guestPlace">>()(
    z.strictObject({ job: jobId, offset: byteOffset }),
  ),
  /** Has the scan stand still, with what is known by then there to be asked for, or go on. */
  "map:pause": channel<undefined>()(z.strictObject({ job: jobId, paused: z.boolean() })),
  "map:next": channel<Answer<"map", "next">>()(
    z.strictObject({
      job: jobId,
      from: byteOffset,
      kinds: z.array(z.enum(clusterKinds)).max(clusterKinds.length),
      backwards: z.boolean(),
      order: mapOrder,
    }),
  ),
  /** Which of these files are logs of writes, by their first bytes; graphs are none. */
  "log:detect": channel<readonly boolean[]>()(z.array(token).max(64)),
  /** Reads a log into its index. Its end is told when it has been read; then it answers until cancelled. */
  "job:logIndex": channel<{ job: number }>()(
    z.strictObject({ image: imageId, growing: z.boolean(), recover: z.boolean() }),
  ),
  "log:rows": channel<Answer<"logIndex", "rows">>()(
    z.strictObject({ job: jobId, filter: logFilter, first: byteOffset, count: z.int().min(0).max(4096) }),
  ),
  "log:place": channel<Answer<"logIndex", "place">>()(
    z.strictObject({ job: jobId, filter: logFilter, entry: byteOffset }),
  ),
  "log:next": channel<Answer<"logIndex", "next">>()(
    z.strictObject({
      job: jobId,
      from: z.int().min(-1),
      kinds: z.array(z.enum(opNames)).max(opNames.length),
      flags: z.int().min(0).max(255),
      backwards: z.boolean(),
    }),
  ),
  "log:marks": channel<Answer<"logIndex", "marks">>()(
    z.strictObject({ job: jobId, first: byteOffset, count: z.int().min(0).max(4096) }),
  ),
  "log:detail": channel<Answer<"logIndex", "detail">>()(
    z.strictObject({
      job: jobId,
      entry: byteOffset,
      offset: byteOffset,
      length: z.int().min(1).max(longestDetail),
    }),
  ),
  "log:history": channel<Answer<"logIndex", "history">>()(
    z.strictObject({
      job: jobId,
      offset: byteOffset,
      length: z.int().min(1),
      before: byteOffset.optional(),
      limit: z.int().min(1).max(4096),
    }),
  ),
  "log:versions": channel<Answer<"logIndex", "versions">>()(
    z.strictObject({ job: jobId, offset: byteOffset, bytes: z.instanceof(Uint8Array) }),
  ),
  /** What the plot shows of a stretch of entries, from the lowest of `edges` to the highest, bytes of the disk. */
  "log:bins": channel<Answer<"logIndex", "bins">>()(
    z.strictObject({
      job: jobId,
      filter: logFilter,
      firstEntry: byteOffset,
      endEntry: byteOffset,
      columns: z.int().min(1).max(4096),
      edges: z.custom<Float64Array>((value) => value instanceof Float64Array),
    }),
  ),
  "log:used": channel<Answer<"logIndex", "used">>()(z.strictObject({ job: jobId })),
  /** Reads on what the log has grown by. */
  "log:extend": channel<Answer<"logIndex", "extend">>()(z.strictObject({ job: jobId, growing: z.boolean() })),
  /** Looks for entries behind the wall. */
  "log:recover": channel<Answer<"logIndex", "recover">>()(z.strictObject({ job: jobId })),
  "log:stopRecovery": channel<undefined>()(z.strictObject({ job: jobId })),
  /** An open image that is the disk before the log's first entry, for what entries overwrote. */
  "log:base": channel<undefined>()(z.strictObject({ job: jobId, ...logBase })),
  /**
   * The disk after the first `count` entries of an open log as an image that can be opened; without what was `lost`.
   * `recover`: entries found behind damage are among them.
   */
  "log:state": channel<FileRef>()(
    z.strictObject({
      image: imageId,
      count: byteOffset,
      recover: z.boolean().optional(),
      discards: z.literal("unknown").optional(),
      ...logBase,
      lost: z
        .string()
        .max(1 << 20)
        .optional(),
      size: byteOffset.optional(),
    }),
  ),
  /** The format that the first bytes of the log's disk say. */
  "log:format": channel<Answer<"logIndex", "format">>()(z.strictObject({ job: jobId })),
  /**
   * Looks for the first state of an open log that fails. A command is run only after the person has agreed in a dialog of
   * main's own; ECANCELED when not.
   */
  "job:logBisect": channel<{ job: number }>()(
    z.strictObject({
      image: imageId,
      ...logBase,
      /** Bytes of the disk. */
      size: byteOffset.optional(),
      /** Entries [first, end); without it all that are counted. */
      range: z.strictObject({ first: byteOffset, end: byteOffset }).optional(),
      at: bisectMoments,
      search: z.enum(["linear", "binary"]),
      all: z.boolean(),
      refine: z.boolean(),
      judge: bisectJudge,
    }),
  ),
  /** Looks at what can be mended. Its end is told when the offer is made; then it answers until cancelled. */
  "job:repairPlan": channel<{ job: number }>()(z.strictObject({ image: imageId })),
  "repair:items": channel<Answer<"repairPlan", "items">>()(
    z.strictObject({ job: jobId, first: byteOffset, count: z.int().min(0).max(10_000) }),
  ),
  "repair:choose": channel<Answer<"repairPlan", "choose">>()(
    z.strictObject({ job: jobId, ids: z.union([z.literal("default"), repairIds]) }),
  ),
  "repair:toggle": channel<Answer<"repairPlan", "toggle">>()(
    z.strictObject({ job: jobId, ids: repairIds, id: repairId, on: z.boolean() }),
  ),
  "repair:changes": channel<Answer<"repairPlan", "changes">>()(
    z.strictObject({ job: jobId, ids: repairIds, id: repairId }),
  ),
  "repair:map": channel<Answer<"repairPlan", "map">>()(
    z.strictObject({
      job: jobId,
      ids: repairIds,
      cells: z
        .int()
        .min(1)
        .max(1 << 20),
    }),
  ),
  "repair:preflight": channel<readonly ShownCheck[]>()(
    z.strictObject({ job: jobId, ids: repairIds, journal: token.optional() }),
  ),
  /** Writes what lies in leaked clusters to a new file, the token of one that was chosen for saving. */
  "job:repairRescue": channel<{ job: number }>()(z.strictObject({ image: imageId, to: token })),
  /** Does what was seen under that digest. `copyTo`: to a copy made there; the image stays as it is. */
  "job:repairWrite": channel<{ job: number }>()(
    z.strictObject({
      image: imageId,
      ids: repairIds.min(1),
      digest: z.string().regex(/^[0-9a-f]{64}$/),
      journal: token.optional(),
      copyTo: token.optional(),
    }),
  ),
  /** What an undo journal says; `image`: it is that file, wherever the journal says it is. */
  "repair:look": channel<JournalLook>()(z.strictObject({ token, image: token.optional() })),
  "job:repairFinish": channel<{ job: number }>()(
    z.strictObject({
      token,
      mode: z.enum(["undo", "resume"]),
      dryRun: z.boolean(),
      /** The file that was looked at. */
      image: token,
    }),
  ),
  /** Gives a journal another name, which is answered: not one whose repair can be finished or taken back. */
  "repair:setAside": channel<FileRef>()(z.strictObject({ token, image: token.optional() })),
  /** Deletes a journal by which nothing can be done any more. */
  "repair:delete": channel<undefined>()(z.strictObject({ token, image: token.optional() })),
  /** The journal beside an open image whose repair was cut off or never begun. */
  "repair:unfinished": channel<UnfinishedRepair | undefined>()(z.strictObject({ image: imageId })),
  "job:cancel": channel<undefined>()(z.strictObject({ job: jobId })),
  /** Asks for a place and writes the content there; undefined means the dialog was dismissed. */
  "export:save": channel<{ name: string } | undefined>()(
    z.strictObject({
      suggestedName: z.string().max(200),
      content: z.union([z.string().max(1 << 28), z.instanceof(Uint8Array)]),
    }),
  ),
  "clipboard:write": channel<undefined>()(z.string().max(1 << 28)),
} as const;

export type Channels = typeof channels;
export type ChannelName = keyof Channels;
export type Request<N extends ChannelName> = z.input<Channels[N]["request"]>;
export type Reply<N extends ChannelName> = Channels[N] extends Channel<z.ZodType, infer R> ? R : never;

/** What the page is told of a result: files in place of paths. */
export type SummaryOf<N extends JobName> = N extends "repairWrite"
  ? WrittenRepair
  : N extends "repairFinish"
    ? FinishedRepair
    : Jobs[N]["result"];

/** How a job ended; one that answers questions: how its scan did. */
export type JobEnd<N extends JobName = JobName> =
  | {
      readonly [K in N]: {
        readonly job: number;
        readonly ok: true;
        readonly name: K;
        readonly summary: SummaryOf<K>;
      };
    }[N]
  | { readonly job: number; readonly ok: false; readonly error: PlainError };

export interface Events {
  "job:progress": {
    readonly job: number;
    readonly progress: JobProgress<Jobs[JobName]["totals"]>;
  };
  "job:items": { readonly job: number; readonly items: readonly Jobs[JobName]["item"][] };
  "job:end": JobEnd;
  /** What nodes of an open image noticed since the last time. */
  "image:events": ImageEvents;
  "image:changed": { readonly image: number; readonly state: FileState };
  /** A menu item or accelerator of the native menu was chosen. */
  "command:run": { readonly id: string };
  /** Files handed over by a second launch or the operating system. */
  "files:opened": { readonly files: readonly FileRef[]; readonly view: "hex" | "compare" };
  /** The session worker died and was restarted: every open image must be opened again. */
  "session:lost": { readonly error: PlainError };
}
export type EventName = keyof Events;
/** What the preload puts on `window.blkscope`. */
export interface Bridge {
  call(name: ChannelName, request: unknown): Promise<unknown>; // a Result<Reply>
  on(name: EventName, listener: (payload: never) => void): () => void;
  /** The token of a dropped File; its path goes from preload to main and never into the page. */
  fileToken(file: File): Promise<unknown>; // a Result<FileRef>
}
