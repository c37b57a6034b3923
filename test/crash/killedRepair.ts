// Loaded into the command line before it runs (--require): kills the process at the call and the byte named by
// BLKSCOPE_KILL_AT=CALL:BYTES.
import { watchFiles } from "./fileFaults.ts";

const [call = Number.NaN, bytes = 0] = (process.env.BLKSCOPE_KILL_AT ?? "").split(":").map(Number);
watchFiles({
  fault: ({ number }) => (number === call ? { kind: "die", bytes } : undefined),
  die: () => process.kill(process.pid, "SIGKILL"),
});
