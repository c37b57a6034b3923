// Loaded into the command line before it runs (--require): kills the process at the call and the byte named by
// BLKSCOPE_KILL_AT=CALL:BYTES, or interrupts it at the call in BLKSCOPE_INTERRUPT_AT, as Ctrl-C does.
import { watchFiles } from "./fileFaults.ts";

const [call, bytes = 0] = (process.env.BLKSCOPE_KILL_AT ?? "never").split(":").map(Number);
const interrupted = Number(process.env.BLKSCOPE_INTERRUPT_AT ?? "never");
watchFiles({
  fault({ number }) {
    if (number === interrupted) process.kill(process.pid, "SIGINT");
    return number === call ? { kind: "die", bytes } : undefined;
  },
  die: () => process.kill(process.pid, "SIGKILL"),
});
