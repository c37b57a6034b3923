// Under a comparison's bar, while a log of writes is loaded: the write behind the mismatch at the caret, and which side has
// an older version of it.
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";
import { useAnswer } from "../../hex/useAnswer.ts";
import card from "../../widgets/card.module.css";
import { hex } from "../../widgets/format.ts";
import { sectorBytes } from "../compare/firstByte.ts";
import lists from "../compare/lists.module.css";
import type { Pair } from "../compare/session.ts";
import { type SectorPlace, writerBehind } from "./mismatchWriter.ts";
import { type LoadedLog, useLogs } from "./session.ts";
import { showWriter, storedAt } from "./whoWrote.ts";
import { writerText } from "./wording.ts";

interface MismatchWritersProps {
  readonly pair: Pair;
  /** Byte of A in the sector that is asked about; undefined where the images are equal. */
  readonly offset: number | undefined;
  readonly shift: number;
}

export function MismatchWriters({ pair, offset, shift }: MismatchWritersProps) {
  const logs = useLogs((state) => state.logs);
  if (offset === undefined) return null;
  return logs.map((log) => (
    <WriterLine key={log.tabId} log={log} pair={pair} offset={Math.floor(offset / 512) * 512} shift={shift} />
  ));
}

function WriterLine({ log, pair, offset, shift }: MismatchWritersProps & { log: LoadedLog; offset: number }) {
  const { is } = useAnswer(`${log.tabId}:${pair.a.image}:${pair.b.image}:${offset}:${shift}`, async () => {
    const [a, b] = await Promise.all([sectorBytes(pair.a, offset), sectorBytes(pair.b, offset + shift)]);
    const ask = (at: number, bytes: Uint8Array<ArrayBuffer>) =>
      call("log:versions", { job: log.session.asked, offset: at, bytes });
    const below = await Promise.all([
      storedSector("A", pair.a, offset),
      storedSector("B", pair.b, offset + shift),
    ]);
    return writerBehind(ask, [{ offset, label: undefined }, ...below.flat()], a, b);
  });
  if (is.kind !== "known") return null;
  return (
    <p className={lists.note} role="status">
      <b>{log.name}:</b> {is.answer.place.label !== undefined && `as ${is.answer.place.label}, `}
      {writerText(is.answer)}{" "}
      {is.answer.last && (
        <button
          type="button"
          className={card.link}
          onClick={() => showWriter({ log, offset: is.answer.place.offset, label: log.name })}
        >
          Show in the timeline
        </button>
      )}
    </p>
  );
}

/** The sector's place in the side's own file, where it has one: what a log below its format knows it by. */
async function storedSector(side: "A" | "B", image: OpenedImage, offset: number): Promise<SectorPlace[]> {
  const stored = offset < 0 || offset >= image.size ? undefined : await storedAt(image, offset);
  return stored === undefined ? [] : [{ offset: stored, label: `${side}'s file ${hex(stored)}` }];
}
