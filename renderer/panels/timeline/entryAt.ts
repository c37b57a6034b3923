// Where "Go to entry" goes: a number, one relative to the scrub line, a share of the log, or its end.

/** The entry; a sentence where the text is none; undefined for an empty text. */
export function entryAt(text: string, current: number, entries: number): number | string | undefined {
  const place = text.trim().toLowerCase().replaceAll(/[_,]/g, "");
  if (place === "") return undefined;
  if (place === "end") return entries - 1;
  const share = /^(\d+(?:\.\d+)?)\s*%$/.exec(place);
  if (share) return within(Math.round((Number(share[1]) / 100) * (entries - 1)), entries);
  const number = /^([+-])?(0x[0-9a-f]+|\d+)$/.exec(place);
  if (!number) return "A number, +100 or -100 from here, a share such as 50%, or end.";
  const value = Number(number[2]);
  return within(number[1] === "+" ? current + value : number[1] === "-" ? current - value : value, entries);
}

function within(entry: number, entries: number): number | string {
  if (entry >= 0 && entry < entries) return entry;
  return `The log has entries 0 to ${entries - 1}.`;
}
