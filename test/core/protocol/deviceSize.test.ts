import * as fs from "node:fs";
import { expect, it, onTestFinished } from "vitest";
import { sizeByReading } from "../../../core/protocol/deviceSize.ts";
import { tempFile } from "../../build/temp.ts";

it.each([0, 1, 2, 3, 4, 5, 7, 8, 9, 1000, 2 ** 30, 2 ** 32 + 12345])(
  "finds the end of %d sectors by reading alone",
  (sectors) => {
    const filename = tempFile("device", new Uint8Array(0));
    fs.truncateSync(filename, sectors * 512);
    const fd = fs.openSync(filename, "r");
    onTestFinished(() => fs.closeSync(fd));
    expect(sizeByReading(fd)).toBe(sectors * 512);
  },
);
