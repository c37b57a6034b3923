// The report of a repair, to be kept beside the image or sent: as Markdown for people, as JSON for programs.
import type { RepairChoice, RepairOffered, RepairWritten } from "../../../core/ops/repairRun.ts";
import { bytes, decimal } from "../../widgets/format.ts";
import { afterText, guestText, riskWords, writtenText, writtenTitle } from "./wording.ts";

export interface ReportSource {
  /** Names for people. */
  readonly image: string;
  readonly target: string;
  readonly written: RepairWritten;
  readonly offered: RepairOffered;
  readonly choice: RepairChoice;
  /** When the writing ended: milliseconds since the epoch. */
  readonly at: number;
}

export function reportName({ target }: ReportSource, form: "md" | "json"): string {
  return `${target} repair report.${form}`;
}

export function reportJson({ image, target, written, offered, choice, at }: ReportSource): string {
  const { state, cancelled, journal, changes, error, after, hashes } = written;
  return `${JSON.stringify(
    {
      report: "blkscope repair",
      at: new Date(at).toISOString(),
      image,
      "changed-file": target,
      path: written.target,
      journal: journal ?? null,
      state,
      cancelled,
      changes,
      items: choice.ids,
      risks: choice.risks,
      "guest-bytes-changed": choice.guestBytes,
      "file-size-before": offered.fileSize,
      "file-size-planned": choice.newSize,
      digest: choice.digest,
      "check-before": offered.check,
      "check-after": after?.check ?? null,
      "dirty-after": after?.dirty ?? null,
      "items-left": after?.itemsLeft ?? null,
      "not-mended": after?.unmended ?? offered.unmended,
      sha256: hashes ?? null,
      error: error ? { code: error.code, message: error.message, details: error.details } : null,
    },
    undefined,
    2,
  )}\n`;
}

export function reportMarkdown(source: ReportSource): string {
  const { image, target, written, offered, choice, at } = source;
  const { journal, hashes, error } = written;
  const facts: readonly (readonly [string, string])[] = [
    ["Image", image],
    ["Changed file", written.target],
    ["Undo journal", journal ?? "none"],
    ["State", written.state],
    ["Changes", `${decimal(written.changes.done)} of ${decimal(written.changes.total)}`],
    [
      "Risk",
      Object.entries(choice.risks)
        .filter(([, items]) => items > 0)
        .map(([risk, items]) => `${riskWords[risk as keyof typeof riskWords]}: ${decimal(items)}`)
        .join(", "),
    ],
    ["Size before", `${bytes(offered.fileSize)} (${decimal(offered.fileSize)} bytes)`],
    ["Size planned", `${bytes(choice.newSize)} (${decimal(choice.newSize)} bytes)`],
    ["Guest's disk", guestText(choice)],
    ["SHA-256 before", hashes?.before ?? "not taken"],
    ["SHA-256 after", hashes?.after ?? "not taken"],
  ];
  const left = written.after?.unmended ?? offered.unmended;
  return [
    `# Repair of ${inline(target)}`,
    "",
    `${new Date(at).toISOString()}, Blkscope`,
    "",
    `**${inline(writtenTitle(written, target))}.** ${inline(writtenText(written, target))}`,
    "",
    inline(afterText(written, target)),
    "",
    "| | |",
    "|---|---|",
    ...facts.map(([name, value]) => `| ${name} | ${inline(value).replaceAll("|", "\\|")} |`),
    "",
    ...(error ? ["## Error", "", `${error.code}: ${inline(error.message)}`, ""] : []),
    ...(left.length > 0 ? ["## Not mended", "", ...left.map((text) => `- ${inline(text)}`), ""] : []),
    "## Items",
    "",
    ...choice.ids.map((id) => `- \`${id}\``),
    "",
  ].join("\n");
}

/** Names of files may hold anything: one line, and nothing that Markdown takes for its own. */
function inline(text: string): string {
  return text.replace(/[\r\n]+/g, " ").replace(/([\\`*_<>[\]#])/g, "\\$1");
}
