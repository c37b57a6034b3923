// Memory for what files are read into and written from, a large block at a time.
import { wasmMemory } from "./wasm.ts";

/** From here on it is worth the pages. */
const least = 64 * 1024;

/**
 * `length` zero bytes that begin where a page of the system does: it copies large blocks up to an eighth faster from and to
 * such than where Node's own buffers begin, 16 bytes later. Not to be transferred to another thread.
 */
export function pageAligned(length: number): Buffer<ArrayBuffer> {
  if (length < least) return Buffer.alloc(length);
  try {
    return Buffer.from(wasmMemory(length).buffer as ArrayBuffer, 0, length);
  } catch {
    // Each reserves a range of addresses, which may be limited.
    return Buffer.alloc(length);
  }
}
