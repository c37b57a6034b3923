// The programs the peer's suite is given: ours under the peer's names, and for the machines and servers that
// no listed test starts, scripts that answer what the suite asks of them before a test, and refuse the rest.
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** The formats and protocols the suite may look for before it runs a test: those of Debian's build of the peer. */
const formats =
  "blkdebug blklogwrites blkverify bochs cloop compress copy-before-write copy-on-read dmg file ftp ftps " +
  "host_cdrom host_device http https luks nbd null-aio null-co nvme parallels preallocate qcow qcow2 qed quorum " +
  "raw replication snapshot-access throttle vdi vhdx vmdk vpc vvfat";

const machine = `case " $* " in
*' -machine help '*) echo 'pc-i440fx-7.2 none (default)'; echo 'pc none (alias of pc-i440fx-7.2)'; exit 0 ;;
*' -device help '*)
    for name in virtio-blk-pci virtio-scsi-pci scsi-hd ide-hd virtio-blk virtio-scsi; do
        echo "name \\"$name\\", bus none"
    done
    exit 0 ;;
*' -drive format=help '*) echo 'Supported formats: ${formats}'; exit 0 ;;
esac
`;

/**
 * Makes them in a folder and answers the environment that points the suite at them.
 * @param {string} folder
 * @param {readonly string[]} command ours: node and the bundle
 */
export async function makePrograms(folder, command) {
  await mkdir(folder, { recursive: true });
  const ours = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  for (const name of ["qemu-img", "qemu-io"]) {
    await script(join(folder, name), `export BLKSCOPE_AS=${name}\nexec ${ours} "$@"\n`);
  }
  const refusal = 'echo "$(basename "$0"): not there in this run" >&2\nexit 1\n';
  for (const name of ["qemu-nbd", "qemu-storage-daemon"]) await script(join(folder, name), refusal);
  await script(join(folder, "qemu-system-x86_64"), machine + refusal);
  return {
    QEMU_IMG_PROG: join(folder, "qemu-img"),
    QEMU_IO_PROG: join(folder, "qemu-io"),
    QEMU_NBD_PROG: join(folder, "qemu-nbd"),
    QSD_PROG: join(folder, "qemu-storage-daemon"),
    QEMU_PROG: join(folder, "qemu-system-x86_64"),
  };
}

async function script(/** @type {string} */ path, /** @type {string} */ body) {
  await writeFile(path, `#!/bin/bash\n${body}`);
  await chmod(path, 0o755);
}
