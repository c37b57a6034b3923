// A map of the clusters of an image's file as plain data for threads and views: what the job is asked, and its answers.
import type { ImageSpec } from "../block/driver.ts";
import type {
  ClusterKind,
  GuestClusters,
  Pointers,
  Reference,
  References,
  StructureAt,
} from "../block/structure.ts";

export interface MapParams {
  readonly spec: ImageSpec;
  /** Path of the node in the graph; "" is the root. */
  readonly node?: string;
  /** Which backing files named in the image are opened: the map itself needs none. Default "none". */
  readonly backing?: "none" | "beside" | "plain";
}

/** Clusters and bytes of one kind; the last cluster of a file counts with the bytes it has. */
export interface KindTotal {
  readonly clusters: number;
  readonly bytes: number;
}

export interface MapTotals {
  /** Bytes of tables read so far. */
  readonly bytesRead: number;
  /** The map so far, which tiles are given of; undefined while there is none yet, and behind the end of the scan. */
  readonly soFar?: MapSoFar | undefined;
}

/** What a map is of, and how much of what. */
export interface MapFacts {
  readonly format: string;
  /** Bytes of a cell of level 0: the format's cluster, or a unit chosen for a format that has none. */
  readonly clusterSize: number;
  readonly clusters: number;
  readonly fileSize: number;
  /** Whether the format has tables: else kinds are those of extents, and nothing is referred to. */
  readonly hasTables: boolean;
  /** Every kind, also those with none, worst first. */
  readonly kinds: Readonly<Record<ClusterKind, KindTotal>>;
  /** Levels of detail; level n has a cell for `4 ** n` clusters. */
  readonly levels: number;
}

/**
 * A map whose scan still runs. A cluster has the kind by which it was first referred to, or a worse one; one that no
 * table read so far refers to is `unknown`: whether it is free or leaked is known in the end.
 */
export interface MapSoFar extends MapFacts {
  /** Another whenever cells have changed. */
  readonly version: number;
}

/** The file that a map is of, as it was when its scan began. */
export interface MapIdentity {
  /** Device, number, size and time of change: the same for two maps of one file in one state. */
  readonly state: string;
  /** It was another when the scan was over: the map may be of before and after. */
  readonly isChanged: boolean;
}

export interface MapSummary extends MapFacts {
  /** Undefined for what is in no ordinary file. */
  readonly identity: MapIdentity | undefined;
  /** As a check counts them: entries that point nowhere, and references to clusters that have an owner. */
  readonly badEntries: number;
  readonly extraReferences: number;
  readonly unreadableTables: number;
  /** Tables left unread because they overlap what is in use: what they refer to is not counted. */
  readonly skippedTables: number;
  /** Undefined without tables. */
  readonly guest: GuestClusters | undefined;
  /** The same in the order of the guest's disk, made when asked for; undefined without tables. */
  readonly guestCells: GuestCells | undefined;
  readonly bytesRead: number;
  readonly elapsedMs: number;
}

/** The guest's disk as cells. */
export interface GuestCells {
  readonly count: number;
  /** Guest clusters of a cell: a power of two, 1 unless there are very many; the cell has the worst kind among them. */
  readonly clusters: number;
  /** Bytes of a cell, and of the disk. */
  readonly cellSize: number;
  readonly size: number;
  readonly levels: number;
}

export type MapOrder = "file" | "guest";

/** Told once the scan is over; the job then answers all questions until it is cancelled. */
export interface MapItem {
  readonly summary: MapSummary;
}

export interface MapResult {
  /** Before the scan was over. */
  readonly cancelled: boolean;
  /** Undefined when it was cancelled. */
  readonly summary: MapSummary | undefined;
}

/** Cells of a level from `first` on, fewer at the end: numbers of `clusterKinds`, each the worst of its clusters. */
export interface TileRequest {
  readonly level: number;
  readonly first: number;
  readonly count: number;
  /** Of the file (default), or of the guest's disk: there a hole is a cluster that the tables say nothing of. */
  readonly order?: MapOrder;
}

/** What is known of one byte of the file. */
export interface MapPlace {
  readonly offset: number;
  /** The cluster it is in: number, range in the file, kind, references counted (255: that many or more). */
  readonly cluster: number;
  readonly clusterOffset: number;
  readonly clusterLength: number;
  readonly kind: ClusterKind;
  readonly counted: number;
  /** How often the format itself says that the cluster is in use, where it stores that and it can be read. */
  readonly stored?: number;
  /** The structure, where it is one. */
  readonly structure: StructureAt | undefined;
  readonly references: References;
  /** Fields and entries of the cluster that point somewhere. */
  readonly pointers: Pointers;
  /** Why `structure` and `pointers` are not known, where the bytes can't be read. */
  readonly unread?: string;
}

/** Clusters in a row that are of one kind and referenced equally often. */
export interface MapStretch {
  /** Bytes of the file. */
  readonly offset: number;
  readonly length: number;
  readonly clusters: number;
  readonly kind: ClusterKind;
  /** 255: that many or more. */
  readonly counted: number;
}

/** What is known of one byte of the guest's disk, by the tables of the top layer. */
export interface MapGuestPlace {
  readonly offset: number;
  /**
   * Of its guest cluster, as the map in the guest's order has it; but an entry that can be read by itself is not
   * unreadable because others of its table are.
   */
  readonly kind: ClusterKind;
  /** The entry that says so: for a wrong or unreadable one, that one. */
  readonly entry: Reference;
  /** The byte's place in the file; undefined where the file does not store it. */
  readonly fileOffset: number | undefined;
}

export interface MapAsks {
  tile: { question: TileRequest; answer: Uint8Array };
  /** At most `limit` references are listed (default 1000). */
  place: { question: { readonly offset: number; readonly limit?: number }; answer: MapPlace };
  /** EINVAL for an image without tables. */
  guestPlace: { question: { readonly offset: number }; answer: MapGuestPlace };
  /** Has the scan stand still, or go on; what is known by then stays there to be asked for. Nothing where it is over. */
  pause: { question: { readonly paused: boolean }; answer: undefined };
  /** The first cluster at or behind `from` whose kind is one of `kinds`, going around at the end. */
  next: {
    question: {
      readonly from: number;
      readonly kinds: readonly ClusterKind[];
      readonly backwards?: boolean;
      readonly order?: MapOrder;
    };
    answer: number | undefined;
  };
}
