// `blkscope map --bitmap NAME`: the guest ranges that a dirty bitmap of the image has noted, for people and as JSON. Only
// the image's own file is opened, and nothing of it changes.
import { CliError } from "./command.ts";
import { hexColumn } from "./hexColumn.ts";
import { type ImageRequest, withImage } from "./openImage.ts";
import { stdout } from "./output.ts";

export interface BitmapRequest {
  readonly file: string;
  readonly image: ImageRequest;
  readonly name: string;
  /** Of the guest's disk, bytes: what lies outside is left out. */
  readonly start: number;
  readonly end: number;
  readonly json: boolean;
}

/** Throws CliError: no such image, no such bitmap, or one that can't be believed. */
export function printBitmap({ file, image, name, start, end, json }: BitmapRequest): Promise<void> {
  const request = { ...image, backing: false, toInspect: true };
  return withImage(file, request, async ({ graph: { root } }) => {
    if (root.bitmaps === undefined) {
      throw new CliError(`Images of the format ${root.driver} keep no bitmaps`, 1);
    }
    const ranges = within((await root.bitmaps.read(name)).ranges(), start, end);
    await (json ? printJson(ranges) : printTable(ranges));
  });
}

interface Range {
  readonly offset: number;
  readonly length: number;
}

async function* within(ranges: AsyncIterable<Range>, start: number, end: number): AsyncGenerator<Range> {
  for await (const range of ranges) {
    if (range.offset >= end) return;
    const offset = Math.max(range.offset, start);
    const length = Math.min(range.offset + range.length, end) - offset;
    if (length > 0) yield { offset, length };
  }
}

async function printJson(ranges: AsyncIterable<Range>): Promise<void> {
  let before = "[";
  for await (const { offset, length } of ranges) {
    stdout.write(`${before}{ "start": ${offset}, "length": ${length} }`);
    before = ",\n";
  }
  stdout.line(before === "[" ? "[]" : "]");
}

async function printTable(ranges: AsyncIterable<Range>): Promise<void> {
  stdout.line("Offset          Length");
  for await (const { offset, length } of ranges) {
    stdout.line(`${hexColumn(offset)}${hexColumn(length)}`.trimEnd());
  }
}
