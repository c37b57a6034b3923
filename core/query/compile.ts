// A filter's tree as a test of entry numbers: closures over the columns of the index, nothing is made for an entry. What
// the columns do not say (texts of marks, whether data are all zero) the caller has found out before.

import { unreachable } from "../base/errors.ts";
import { entryFlags } from "../writelog/layout.ts";
import { has, type LogIndex } from "../writelog/logIndex.ts";
import type { FlagName, NumberField, Query } from "./tree.ts";

export type EntryTest = (entry: number) => boolean;

export type MarkQuery = Extract<Query, { kind: "mark" }>;

export interface Contents {
  /** Whether that mark's text is as this part of the tree wants it; asked of marks only. */
  markMatches(part: MarkQuery, entry: number): boolean;
  /** Whether the data are all zero; asked of writes only. */
  isZero(entry: number): boolean;
}

/** A test of entries below `index.count`. */
export function compileQuery(query: Query, index: LogIndex, contents: Contents): EntryTest {
  switch (query.kind) {
    case "everything":
      return () => true;
    case "and":
      return all(query.parts.map((part) => compileQuery(part, index, contents)));
    case "or":
      return any(query.parts.map((part) => compileQuery(part, index, contents)));
    case "not": {
      const part = compileQuery(query.part, index, contents);
      return (entry) => !part(entry);
    }
    case "flag":
      return flagTest(query.flag, index, contents);
    case "op":
      return (entry) => index.kindOf(entry) === query.op;
    case "number":
      return numberTest(query.field, query.from, query.to, index);
    case "mark":
      return (entry) => index.kindOf(entry) === "mark" && contents.markMatches(query, entry);
    default:
      return unreachable(query);
  }
}

/** Two at a time: each call is of a closure of its own, which the engine can inline; a loop over an array is slower. */
function all(tests: readonly EntryTest[]): EntryTest {
  return tests.reduce((first, second) => (entry) => first(entry) && second(entry));
}

function any(tests: readonly EntryTest[]): EntryTest {
  return tests.reduce((first, second) => (entry) => first(entry) || second(entry));
}

function flagTest(flag: FlagName, index: LogIndex, contents: Contents): EntryTest {
  switch (flag) {
    case "write":
    case "empty":
    case "mark":
    case "discard":
      return (entry) => index.kindOf(entry) === flag;
    case "flush":
    case "fua":
      return (entry) => has(index.flagsOf(entry), entryFlags[flag]);
    case "meta":
      return (entry) => has(index.flagsOf(entry), entryFlags.metadata);
    case "zero":
      return (entry) => index.kindOf(entry) === "write" && contents.isZero(entry);
    default:
      return unreachable(flag);
  }
}

/** Both ends included. */
function numberTest(field: NumberField, from: number, to: number, index: LogIndex): EntryTest {
  switch (field) {
    case "entry":
      return (entry) => entry >= from && entry <= to;
    case "flags":
      return (entry) => index.flagsOf(entry) >= from && index.flagsOf(entry) <= to;
    case "len":
      return lengthTest(from, to, index);
    case "sectors":
      // The sector size is a power of two: the products are exact, also above 2^53.
      return lengthTest(from * index.sectorSize, to * index.sectorSize, index);
    case "offset":
      return touchTest(from, to + 1, index);
    case "sector":
      return touchTest(from * index.sectorSize, (to + 1) * index.sectorSize, index);
    default:
      return unreachable(field);
  }
}

function lengthTest(from: number, to: number, index: LogIndex): EntryTest {
  return (entry) => {
    const length = index.lengthOf(entry);
    return length >= from && length <= to;
  };
}

/** Entries of no length touch nothing. */
function touchTest(start: number, end: number, index: LogIndex): EntryTest {
  return (entry) => {
    const length = index.lengthOf(entry);
    if (length === 0) return false;
    const offset = index.offsetOf(entry);
    return offset < end && offset + length > start;
  };
}
