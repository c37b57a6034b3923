// What a metadata-only bundle says of itself, as JSON in its index (layout.ts).
import * as z from "zod";

const offset = z.int().nonnegative();
const omittedTable = z.strictObject({
  name: z.string().max(200),
  offset,
  length: offset,
  why: z.string().max(500),
});
export const factsSchema = z.strictObject({
  /** The driver that reads the tables. */
  format: z.string().max(32),
  /** Of the image's file, bytes. */
  fileSize: offset,
  /** Names of other files are blanked. */
  namesRedacted: z.boolean(),
  /** Tables that are not in it: the first ones of all. */
  omitted: z.array(omittedTable).max(1000),
  omittedTables: offset,
});
export type BundleFacts = z.output<typeof factsSchema>;
export type OmittedTable = z.output<typeof omittedTable>;
/** Of all tables left out, those that are listed. */
export const mostOmittedListed = 1000;
