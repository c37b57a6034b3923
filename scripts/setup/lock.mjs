// A lock between processes: a folder holding its owner's process id. Two set-ups or builds at once wait for each
// other; a lock whose owner is gone is taken over.
import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

function isAlive(/** @type {number} */ pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === "EPERM";
  }
}

/** The owner's process id; undefined while the owner has not written it yet. */
async function ownerOf(/** @type {string} */ path) {
  const text = await readFile(join(path, "pid"), "utf8").catch(() => "");
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

async function tryLock(/** @type {string} */ path) {
  // Prepared aside and renamed, so a lock never exists without its owner. Renaming onto a folder that is not
  // empty fails, which is the test.
  const own = `${path}.${randomUUID()}`;
  await mkdir(own, { recursive: true });
  await writeFile(join(own, "pid"), String(process.pid));
  try {
    await rename(own, path);
    return true;
  } catch {
    await rm(own, { recursive: true, force: true });
    return false;
  }
}

/** Removes a dead owner's lock. Another waiter may have done so already and hold it by now: then it is put back. */
async function removeDead(/** @type {string} */ path, /** @type {number} */ owner) {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    return; // another waiter was faster
  }
  if ((await ownerOf(aside)) === owner) await rm(aside, { recursive: true, force: true });
  else await rename(aside, path);
}

/** By one rename where it can: a lock that is emptied first can be taken over before its folder is gone. */
async function giveBack(/** @type {string} */ path) {
  const aside = `${path}.${randomUUID()}`;
  const folder = await rename(path, aside).then(
    () => aside,
    () => path,
  );
  await rm(folder, { recursive: true, force: true });
}

/**
 * Runs `body` while holding the lock.
 * @template T
 * @param {string} path a folder that only this lock uses
 * @param {() => Promise<T>} body
 * @param {() => void} [onWait] called once when another process holds it
 * @returns {Promise<T>}
 */
export async function withLock(path, body, onWait) {
  await mkdir(dirname(path), { recursive: true });
  for (let waited = false; !(await tryLock(path)); waited = true) {
    const owner = await ownerOf(path);
    if (owner !== undefined && !isAlive(owner)) {
      await removeDead(path, owner);
      continue;
    }
    if (!waited) onWait?.();
    await sleep(200);
  }
  try {
    return await body();
  } finally {
    await giveBack(path);
  }
}
