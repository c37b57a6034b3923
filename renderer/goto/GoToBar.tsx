// The go-to field: not modal, at the top of the view. The view follows while the person types; Esc goes back to
// where they were, Enter keeps. Below it what the text means, in both address spaces; ↑ ↓ walk the last jumps.
import { type FocusEvent, type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import type { HexViewState } from "../hex/model.ts";
import { bytePosition, locationText } from "../shell/position.ts";
import { useLocation } from "../shell/useFilePosition.ts";
import { usePrefs } from "../store/prefs.ts";
import { type Surface, useSurface } from "../store/surface.ts";
import { useView } from "../store/view.ts";
import { decimal } from "../widgets/format.ts";
import { evaluate, type GoToResult } from "./expression.ts";
import styles from "./GoToBar.module.css";
import { canChangeSpace, contextOf, jump } from "./jumps.ts";

type Place = Pick<HexViewState, "topRow" | "caret" | "anchor">;

export function GoToBar() {
  const surface = useSurface((state) => state.surface);
  if (!surface) return null;
  return <Field surface={surface} key={`${surface.space}:${surface.image.image}:${surface.side}`} />;
}

function Field({ surface }: { surface: Surface }) {
  const [text, setText] = useState("");
  const [walk, setWalk] = useState(-1);
  const jumps = usePrefs((state) => state.jumps);
  const input = useRef<HTMLInputElement>(null);
  const origin = useRef<Place>(placeOf(surface));
  const opener = useRef(document.activeElement);
  const result = useMemo(
    () => (text.trim() === "" ? undefined : evaluate(text, contextOf(surface, origin.current.caret))),
    [text, surface],
  );
  useEffect(() => input.current?.focus(), []);
  useEffect(() => follow(surface, origin.current, result), [surface, result]);

  const close = () => {
    useView.getState().show(undefined);
    if (opener.current instanceof HTMLElement) opener.current.focus();
  };
  const accept = async () => {
    if (!result?.ok) return;
    surface.view.setState(origin.current);
    if (await jump(text, result.target, surface)) close();
    else useView.getState().say(otherSpaceText(surface, result.target.space));
  };
  /** Going on elsewhere leaves the view as it is; another window's turn does not count. */
  const onBlur = (event: FocusEvent) => {
    const inside = event.relatedTarget instanceof Node && event.currentTarget.contains(event.relatedTarget);
    if (!inside && document.hasFocus()) useView.getState().show(undefined);
  };
  const keys: Readonly<Record<string, () => void>> = {
    Enter: () => void accept(),
    Escape: () => {
      surface.view.setState(origin.current);
      close();
    },
    ArrowUp: () => step(1),
    ArrowDown: () => step(-1),
  };
  const step = (by: number) => {
    const next = Math.min(jumps.length - 1, Math.max(-1, walk + by));
    setWalk(next);
    setText(jumps[next] ?? "");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const run = keys[event.key];
    if (!run || event.nativeEvent.isComposing) return;
    event.preventDefault();
    event.stopPropagation();
    run();
  };
  return (
    <search className={styles.bar} aria-label="Go to" onBlur={onBlur}>
      <label className={styles.line}>
        <span>Go to</span>
        <input
          ref={input}
          className="field mono"
          value={text}
          maxLength={220}
          spellCheck={false}
          autoComplete="off"
          placeholder={`${surface.space} offset: 0x1000, 64KiB, s:2048, c:17+0x200, +1s, end-512, 50%`}
          aria-invalid={result?.ok === false}
          aria-describedby="goto-meaning"
          onChange={(event) => {
            setText(event.target.value);
            setWalk(-1);
          }}
          onKeyDown={onKeyDown}
        />
      </label>
      <div id="goto-meaning" className={styles.meaning} role="status" aria-live="polite">
        {result && <Meaning result={result} text={text} surface={surface} />}
        {!result && <Help surface={surface} hasJumps={jumps.length > 0} />}
      </div>
    </search>
  );
}

/** What Enter does with an offset of the other address space. */
function otherSpaceText(surface: Surface, space: Surface["space"]): string {
  if (canChangeSpace()) return `Enter switches the view to ${space} offsets.`;
  return `This view shows ${surface.space} offsets only. Open ${surface.image.file.name} as hex to go to a ${space} offset.`;
}

const placeOf = ({ view }: Surface): Place => {
  const { topRow, caret, anchor } = view.getState();
  return { topRow, caret, anchor };
};

/** Shows the target without leaving a trace in the history; without one, where the person was. */
function follow(surface: Surface, origin: Place, result: GoToResult | undefined): void {
  surface.view.setState(origin);
  if (!result?.ok || result.target.space !== surface.space) return;
  const { offset } = result.target;
  surface.view.select(offset, offset, surface.rows);
}

function Meaning({ result, text, surface }: { result: GoToResult; text: string; surface: Surface }) {
  const target = result.ok ? result.target : undefined;
  const guest = target?.space === "guest" ? target.offset + surface.shift : undefined;
  const layers = useLocation(surface, guest);
  if (!result.ok || !target) {
    return (
      <p className={styles.error}>
        {!result.ok && result.message}
        {!result.ok && result.at > 0 && result.at < text.length && <Pointer text={text} at={result.at} />}
      </p>
    );
  }
  const { shift, clusterSize } = surface;
  const other = layers && locationText(layers);
  return (
    <>
      <p className="number">
        {bytePosition({ space: target.space, clusterSize, shift }, target.offset)}
        {other && <span className={styles.muted}> · {other}</span>}
      </p>
      {result.notes.map((note) => (
        <p key={note} className={styles.muted}>
          {note}
        </p>
      ))}
      {target.space !== surface.space && (
        <p className={canChangeSpace() ? styles.muted : styles.error}>
          {otherSpaceText(surface, target.space)}
        </p>
      )}
    </>
  );
}

/** The place of an error: the text with a mark before it. */
function Pointer({ text, at }: { text: string; at: number }) {
  return (
    <span className={`mono ${styles.pointer}`} aria-hidden>
      {text.slice(0, at)}
      <mark>{text.slice(at, at + 1)}</mark>
      {text.slice(at + 1)}
    </span>
  );
}

function Help({ surface, hasJumps }: { surface: Surface; hasJumps: boolean }) {
  const { space, image, extent } = surface;
  const other = space === "guest" ? "file:" : "guest:";
  return (
    <p className={styles.muted}>
      Numbers are {space} offsets, {decimal(extent)} bytes in all; {other} goes to a {other.slice(0, -1)}{" "}
      offset of {image.file.name}. Enter keeps, Esc goes back{hasJumps && ", ↑ earlier jumps"}.
    </p>
  );
}
