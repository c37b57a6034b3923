// Numbers as a person reads them: grouped decimals, hex with 0x, binary byte units spelt so, durations.

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;
const grouped = new Intl.NumberFormat("en-US");

/** 81936 -> "81,936". */
export const decimal = (value: number): string => grouped.format(value);

/** 81936 -> "0x14010". */
export const hex = (value: number): string =>
  value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;

/** 1536 -> "1.5 KiB"; a text without a fraction is exact ("1 MiB"), "1.0 MiB" is rounded. */
export function bytes(value: number): string {
  let unit = 0;
  let scaled = value;
  while (scaled >= 1024 && unit < units.length - 1) {
    scaled /= 1024;
    unit++;
  }
  // 1023.96 KiB would round to "1,024.0 KiB": step up once more.
  if (unit > 0 && unit < units.length - 1 && scaled >= 1023.95) {
    scaled /= 1024;
    unit++;
  }
  const text = unit === 0 || Number.isInteger(scaled) ? decimal(scaled) : scaled.toFixed(1);
  return `${text} ${units[unit]}`;
}

/** "1.9 GiB/s". */
export const bytesPerSecond = (value: number): string => `${bytes(Math.round(value))}/s`;

/** 42,000 ms -> "0:42"; hours appear when there are any. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Whole percent, rounded down, so that 100 is said only at the end; an empty whole is done. */
export function percent(done: number, total: number): number {
  if (done >= total) return 100;
  return Math.min(99, Math.max(0, Math.floor((done / total) * 100)));
}

/** "1 sector", "2 sectors". */
export const count = (value: number, one: string, many = `${one}s`): string =>
  `${decimal(value)} ${value === 1 ? one : many}`;
