// The filter of the mismatch list as a field: completes names, and shows by its icon whether the text is
// understood; the words beside it are the list's.
import { useId } from "react";
import { CloseIcon, ErrorIcon, FilterIcon, OkIcon } from "../../widgets/icons.ts";
import { completions } from "./filter.ts";
import styles from "./lists.module.css";

interface FilterFieldProps {
  readonly text: string;
  readonly wrong: boolean;
  /** Element that says whether the filter is understood and what it leaves. */
  readonly stateId: string;
  onText(text: string): void;
}

export function FilterField({ text, wrong, stateId, onText }: FilterFieldProps) {
  const id = useId();
  const StateIcon = text === "" ? FilterIcon : wrong ? ErrorIcon : OkIcon;
  return (
    <search className={styles.filter}>
      <span className={styles.filterIcon} data-wrong={wrong || undefined}>
        <StateIcon size={14} aria-hidden />
      </span>
      <input
        type="text"
        className={`field mono ${styles.filterInput}`}
        aria-label="Filter mismatches"
        aria-describedby={stateId}
        aria-invalid={wrong}
        placeholder="sig:zeroed len>8"
        title={
          "sig:zeroed  len>8 (sectors)  bytes>=100  cluster:17  sector:2048..4095  offset>=1GiB\nFree words match the likely cause; - before a term excludes it."
        }
        list={`${id}-completions`}
        spellCheck={false}
        autoComplete="off"
        value={text}
        onChange={(event) => onText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape" || text === "") return;
          event.preventDefault();
          onText("");
        }}
      />
      <datalist id={`${id}-completions`}>
        {completions(text).map((completion) => (
          <option key={completion} value={completion} />
        ))}
      </datalist>
      {text !== "" && (
        <button
          type="button"
          className="button quiet icon"
          aria-label="Clear the filter"
          title="Clear the filter (Esc)"
          onClick={() => onText("")}
        >
          <CloseIcon size={14} aria-hidden />
        </button>
      )}
    </search>
  );
}
