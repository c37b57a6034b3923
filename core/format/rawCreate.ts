// New raw images: a file of the right length, its space set aside when asked, and how much that is.
import { BlockError } from "../base/errors.ts";
import type { CreateRequest, Creation, Measurement } from "../block/driver.ts";
import type { BlockNode, Preallocation } from "../block/node.ts";

const sector = 512;

const preallocations = ["off", "falloc", "full"] as const satisfies readonly Preallocation[];

export const rawCreation: Creation = {
  // Preallocation is an option of the file.
  options: [{ name: "size", type: "size", help: "Virtual disk size" }],
  supportsBacking: false,
  check: (request) => {
    preallocationOf(request);
    wholeSectors(request.size);
  },
  create: async (file: BlockNode, request: CreateRequest) => {
    await file.resize(wholeSectors(request.size), { preallocation: preallocationOf(request) });
  },
  measure: async ({ size }: CreateRequest): Promise<Measurement> => {
    const required = wholeSectors(size);
    return { required, fullyAllocated: required };
  },
};

function preallocationOf({ options }: CreateRequest): Preallocation {
  const { preallocation = "off" } = options;
  if (preallocation === "metadata") {
    throw new BlockError("ENOTSUP", "Unsupported preallocation mode: metadata", {
      hint: "A raw image has no metadata: choose off, falloc or full.",
    });
  }
  const mode = preallocations.find((name) => name === preallocation);
  if (mode !== undefined) return mode;
  throw new BlockError("EINVAL", `invalid parameter value: ${preallocation}`, {
    hint: `The modes of preallocation are ${preallocations.join(", ")}.`,
  });
}

/** The disk ends with a whole sector, whatever size was asked for. */
function wholeSectors(size: number): number {
  const whole = Math.ceil(size / sector) * sector;
  if (Number.isSafeInteger(whole)) return whole;
  throw new BlockError("EFBIG", "The image size is too large for file format 'raw'");
}
