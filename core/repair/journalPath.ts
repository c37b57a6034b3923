// Where the undo journal of an image lies unless the person says otherwise.
export function journalPathOf(image: string): string {
  return `${image}.blkscope-undo`;
}
