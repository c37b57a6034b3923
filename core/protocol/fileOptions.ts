// The -o options of the file an image is laid down in, whatever the image's format.
import type { CreateOption } from "../block/driver.ts";

/**
 * In the order in which `Formatting` shows them. The two hints are for file systems that take them (btrfs, XFS) and are
 * accepted for the sake of scripts: no content and no size depends on them.
 */
export const fileCreateOptions: readonly CreateOption[] = [
  { name: "nocow", type: "bool", help: "Turn off copy-on-write (valid only on btrfs)" },
  {
    name: "preallocation",
    type: "str",
    help: "Preallocation mode (allowed values: off, falloc, full)",
  },
  {
    name: "extent_size_hint",
    type: "size",
    help: "Extent size hint for the image file, 0 to disable",
  },
];
