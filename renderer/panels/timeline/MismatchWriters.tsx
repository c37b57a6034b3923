// Under a comparison's bar, while a log of writes is loaded: the write behind the mismatch at the caret, and which side has
// an older version of it.
import { call } from "../../api.ts";
import { useAnswer } from "../../hex/useAnswer.ts";
import card from "../../widgets/card.module.css";
import { sectorBytes } from "../compare/firstByte.ts";
import lists from "../compare/lists.module.css";
import type { Pair } from "../compare/session.ts";
import { type LoadedLog, useLogs } from "./session.ts";
import { showWriter } from "./whoWrote.ts";
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
    const { asked } = log.session;
    const [inA, inB] = await Promise.all([
      call("log:versions", { job: asked, offset, bytes: a }),
      call("log:versions", { job: asked, offset, bytes: b }),
    ]);
    return { last: inA.last, a: inA, b: inB };
  });
  if (is.kind !== "known") return null;
  return (
    <p className={lists.note} role="status">
      <b>{log.name}:</b> {writerText(is.answer)}{" "}
      {is.answer.last && (
        <button
          type="button"
          className={card.link}
          onClick={() => showWriter({ log, offset, label: log.name })}
        >
          Show in the timeline
        </button>
      )}
    </p>
  );
}
