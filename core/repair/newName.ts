// Gives a complete file its name, so that whatever ends the program there is the complete file under it or none that
// could be taken for one, and never overwrites another file: two repairs of one image may be begun at once.
import * as fs from "node:fs";

/** Answers of file systems that have no hard links (FAT, some network and overlay file systems), or no more of them. */
const withoutLinks = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EXDEV", "EMLINK", "EINVAL"];

/** Throws the system's error; EEXIST when there is such a file. `partial` is gone only when it has its name. */
export function giveName(partial: string, name: string): void {
  try {
    // Unlike a rename this fails where another file has appeared meanwhile.
    fs.linkSync(partial, name);
  } catch (thrown) {
    const { code = "" } = thrown as NodeJS.ErrnoException;
    if (!withoutLinks.includes(code)) throw thrown;
    takeName(partial, name);
    return;
  }
  fs.rmSync(partial);
}

/** An empty file keeps the name for us, as only one program can create it; then the rename replaces just that. */
function takeName(partial: string, name: string): void {
  fs.writeFileSync(name, "", { flag: "wx" });
  try {
    fs.renameSync(partial, name);
  } catch (thrown) {
    fs.rmSync(name, { force: true });
    throw thrown;
  }
}
