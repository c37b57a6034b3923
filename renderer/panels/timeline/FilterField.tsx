// The display filter as a field: completes fields, words, operators and texts of marks, and shows by its icon and in words
// whether it is understood and how many entries pass. A wrong filter leaves the last right one in force.
import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { useStore } from "zustand";
import { complete } from "../../../core/query/complete.ts";
import { call } from "../../api.ts";
import { CloseIcon, ErrorIcon, FilterIcon, OkIcon } from "../../widgets/icons.ts";
import lists from "../compare/lists.module.css";
import type { TimelineSession } from "./session.ts";
import styles from "./timeline.module.css";
import { filterText } from "./wording.ts";

/** Texts of marks that are offered; a log may have millions. */
const mostMarks = 500;
const mostCandidates = 12;

export function FilterField({ session }: { session: TimelineSession }) {
  const { filter, shown } = useStore(session.store);
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [caret, setCaret] = useState(0);
  const [open, setOpen] = useState<"no" | "typed" | "asked">("no");
  const [active, setActive] = useState(-1);
  const marks = useMarks(session, shown?.generation);
  useEffect(() => {
    session.focusFilter = () => input.current?.focus();
    return () => {
      session.focusFilter = undefined;
    };
  }, [session]);

  const completion = complete(filter.text, caret, marks);
  // What is complete is not interrupted with what could be added to it, unless that is asked for.
  const isComplete = completion.from === completion.to && completion.candidates[0]?.text === "&&";
  const isOpen = open === "asked" || (open === "typed" && !isComplete);
  const candidates = isOpen ? completion.candidates.slice(0, mostCandidates) : [];
  const isWrong = filter.wrong !== undefined || filter.error !== undefined;
  const StateIcon = filter.text === "" ? FilterIcon : isWrong ? ErrorIcon : OkIcon;
  const type = (text: string, at: number) => {
    session.filter.setText(text);
    setCaret(at);
    setActive(-1);
    setOpen(text === "" ? "no" : "typed");
  };
  const take = (index: number) => {
    const chosen = candidates[index];
    if (chosen === undefined) return;
    const text = `${filter.text.slice(0, completion.from)}${chosen.text}${filter.text.slice(completion.to)}`;
    const at = completion.from + chosen.text.length;
    // At once: after the next key the caret would go back before what that typed.
    flushSync(() => type(text, at));
    input.current?.setSelectionRange(at, at);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const { length } = candidates;
    if (event.key === "Escape" && length > 0) setOpen("no");
    else if (event.key === "Escape" && filter.text !== "") type("", 0);
    else if (event.key === "ArrowDown" && length === 0) setOpen("asked");
    else if (event.key === "ArrowDown") setActive((active + 1) % length);
    else if (event.key === "ArrowUp" && length > 0) setActive((Math.max(active, 0) - 1 + length) % length);
    else if ((event.key === "Enter" || event.key === "Tab") && active >= 0 && length > 0) take(active);
    else if (event.key === "Enter") setOpen("no");
    else return;
    event.preventDefault();
  };
  return (
    <search className={`${lists.filter} ${styles.filter}`}>
      <div className={styles.filterField}>
        <span className={lists.filterIcon} data-wrong={isWrong || undefined}>
          <StateIcon size={14} aria-hidden />
        </span>
        <input
          ref={input}
          type="text"
          role="combobox"
          className={`field mono ${lists.filterInput} ${styles.filterInput}`}
          aria-label="Filter the entries"
          aria-describedby={`${id}-state`}
          aria-invalid={isWrong}
          aria-expanded={candidates.length > 0}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={active >= 0 && candidates[active] ? `${id}-${active}` : undefined}
          placeholder="op==write && sector in 2048..4095"
          spellCheck={false}
          autoComplete="off"
          value={filter.text}
          onChange={(event) =>
            type(event.target.value, event.target.selectionStart ?? event.target.value.length)
          }
          onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? 0)}
          onBlur={() => setOpen("no")}
          onKeyDown={onKeyDown}
        />
      </div>
      {filter.text !== "" && (
        <button
          type="button"
          className="button quiet icon"
          aria-label="Clear the filter"
          title="Clear the filter (Esc)"
          onClick={() => type("", 0)}
        >
          <CloseIcon size={14} aria-hidden />
        </button>
      )}
      <div
        id={`${id}-list`}
        role="listbox"
        aria-label="What can follow"
        className={styles.completions}
        hidden={candidates.length === 0}
      >
        {candidates.map(({ text, help }, index) => (
          // The field has the focus and its keys.
          // biome-ignore lint/a11y/useKeyWithClickEvents: as said above
          // biome-ignore lint/a11y/useFocusableInteractive: the field tells the active one
          <div
            key={text}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === active}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => take(index)}
          >
            <span className="mono">{text}</span>
            <span className={styles.hint}>{help}</span>
          </div>
        ))}
      </div>
      <span id={`${id}-state`} className={styles.filterState} data-wrong={isWrong || undefined} role="status">
        {filterText(filter, shown?.summary.entries ?? 0)}
      </span>
    </search>
  );
}

/** Texts of the log's first marks, without repetitions. */
function useMarks(session: TimelineSession, generation: number | undefined): readonly string[] {
  const [marks, setMarks] = useState<readonly string[]>([]);
  useEffect(() => {
    if (generation === undefined) return;
    let stale = false;
    const ask = async () => {
      const answer = await call("log:marks", { job: session.asked, first: 0, count: mostMarks });
      if (!stale) setMarks([...new Set(answer.marks.map(({ text }) => text))]);
    };
    void ask().catch(() => undefined);
    return () => {
      stale = true;
    };
  }, [session, generation]);
  return marks;
}
