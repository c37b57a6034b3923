// What a finished request prints: how much in how long, and the bytes it read.
import { stdout } from "../output.ts";

const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] as const;

/** "512 bytes", "1.500 KiB", "64 MiB": three decimals unless they are all zero. */
export function sizeText(value: number): string {
  let power = 0;
  while (power < units.length - 1 && value >= 1024 ** (power + 1)) power++;
  if (power === 0) return `${value.toFixed(6).replace(/\.000000$/, "")} bytes`;
  return `${toThousandths(value / 1024 ** power).replace(/\.000$/, "")} ${units[power]}`;
}

/** As C's "%.3f": a tie goes to the even digit, where toFixed takes the larger. */
function toThousandths(value: number): string {
  const double = value * 2000;
  const isTie = Number.isSafeInteger(double) && double % 2 === 1;
  return isTie ? ((2 * Math.round((double - 1) / 4)) / 1000).toFixed(3) : value.toFixed(3);
}

const hour = 3600;

function timeText(seconds: number, always: boolean): string {
  const whole = Math.floor(seconds);
  const hundredths = String(Math.floor((seconds - whole) * 100)).padStart(2, "0");
  const two = (value: number) => String(value).padStart(2, "0");
  if (!always && whole < 60) return `${two(whole)}.${hundredths} sec`;
  const minutes = Math.floor((whole % hour) / 60);
  return `${Math.floor(whole / hour)}:${two(minutes)}:${two(whole % 60)}.${hundredths}`;
}

export interface Done {
  readonly verb: "read" | "wrote" | "discard";
  readonly offset: number;
  /** Bytes. */
  readonly count: number;
  readonly seconds: number;
  /** -C: one line for programs. */
  readonly machine: boolean;
}

export function report({ verb, offset, count, seconds, machine }: Done): void {
  const bytesPerSecond = count / seconds;
  const perSecond = 1 / seconds;
  if (machine) {
    const time = timeText(seconds, true);
    stdout.line(`${count},1,${time},${bytesPerSecond.toFixed(3)},${perSecond.toFixed(3)}`);
    return;
  }
  const rates = `${sizeText(bytesPerSecond)}/sec and ${perSecond.toFixed(4)} ops/sec`;
  stdout.line(`${verb} ${count}/${count} bytes at offset ${offset}`);
  stdout.line(`${sizeText(count)}, 1 ops; ${timeText(seconds, false)} (${rates})`);
}

/** Started now; the call gives seconds since then, never zero. */
export function stopwatch(): () => number {
  const start = process.hrtime.bigint();
  return () => Math.max(1, Number(process.hrtime.bigint() - start)) / 1e9;
}

const perLine = 16;

/** Sixteen bytes a line in hexadecimal and, where they are letters or digits, as text. */
export function dump(bytes: Uint8Array, offset: number): void {
  for (let at = 0; at < bytes.length; at += perLine) {
    const row = bytes.subarray(at, at + perLine);
    let hex = "";
    let text = "";
    for (const byte of row) {
      hex += `${byte.toString(16).padStart(2, "0")} `;
      const character = String.fromCharCode(byte);
      text += /[0-9A-Za-z]/.test(character) ? character : ".";
    }
    stdout.line(`${(offset + at).toString(16).padStart(8, "0")}:  ${hex} ${text}`);
  }
}
