// What the dialogs about our own trouble say of the person's images: no more than is known.

/** `writing` are the titles of the jobs that write to images now; their threads are others than the one in trouble. */
export function imagesText(writing: readonly string[]): string {
  if (writing.length === 0) return "Nothing was being written to your images.";
  return (
    `${writing.join(", ")}: changes are still being written, and this goes on. ` +
    "You are asked before the window closes over it."
  );
}
