// How to look for the first state of the log that fails: by what check, at which moments, in which order, in which entries,
// over which disk. The command is shown as it will run; pressing the button asks main, which shows it once more and asks.
import { type FormEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { useStore } from "zustand";
import type { LogSummary } from "../../../core/ops/logIndexRun.ts";
import { call } from "../../api.ts";
import { useApp } from "../../store/app.ts";
import type { EntryRange } from "../../timeline/contract.ts";
import { closeOverlay, Dialog, DialogActions } from "../../widgets/Dialog.tsx";
import { bytes, decimal } from "../../widgets/format.ts";
import styles from "./Bisect.module.css";
import { baseId, useBaseChoices } from "./baseChoices.ts";
import {
  type BisectField,
  type BisectForm,
  effortText,
  type FormResult,
  type Ranges,
  readForm,
  shownCommand,
} from "./bisectForm.ts";
import type { TimelineSession } from "./session.ts";

const none: readonly string[] = [];

export function BisectDialog({ session }: { session: TimelineSession }) {
  const { shown, selection, base } = useStore(session.store);
  const formats = useApp(({ info }) => info?.checkedFormats ?? none);
  const [form, setForm] = useState(() => {
    const before = session.store.getState().bisectForm;
    return { ...before, format: before.format || (formats[0] ?? "") };
  });
  const [below, setBelow] = useState(baseId(base));
  const images = useBaseChoices(session);
  const format = useFormat(session, (known) => {
    if (!formats.includes(known)) return;
    setForm((before) => (before.line === "" ? { ...before, judge: "check", format: known } : before));
  });
  const filtered = useFilterRange(session);
  const change = (part: Partial<BisectForm>) => setForm((before) => ({ ...before, ...part }));
  const summary = shown?.summary;
  if (summary === undefined) return null;
  const ranges: Ranges = { ...(selection && { selection }), ...(filtered && { filter: filtered }) };
  const known: BisectForm =
    form.range === "all" || form.range === "given" || ranges[form.range] ? form : { ...form, range: "all" };
  const read = readForm(known, summary, ranges);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!read.ok) return;
    closeOverlay();
    void session.bisect.start(known, read.wish, images.find(({ id }) => id === below)?.base);
  };
  const parts = { form: known, change, read, summary, ranges };
  return (
    <Dialog title="Find the first failing entry" width={620}>
      <form onSubmit={submit} className={styles.form}>
        <p className={styles.hint}>
          A check looks at the disk as a crash would have left it, at moments of the log. The log itself is
          only read.
        </p>
        <JudgeFields {...parts} format={format} formats={formats} />
        <MomentFields {...parts} />
        <SearchFields {...parts} />
        <RangeFields {...parts} />
        <Row label="Disk before it">
          {(id) => (
            <>
              <select
                id={id}
                className="field"
                value={below}
                onChange={(event) => setBelow(event.target.value)}
              >
                <option value="">Not known: zeroes</option>
                {images.map(({ id: choice, label }) => (
                  <option key={choice} value={choice}>
                    {label}
                  </option>
                ))}
              </select>
              {images.length === 0 && (
                <span className={styles.hint}>An image that is open can be chosen.</span>
              )}
            </>
          )}
        </Row>
        <Row label="Size of the disk">
          {(id) => (
            <Field
              id={id}
              name="size"
              parts={parts}
              value={known.size}
              onValue={(size) => change({ size })}
              placeholder={
                below === "" ? `up to ${bytes(summary.diskEnd)}, what is written` : "as the disk before it"
              }
              wide
            />
          )}
        </Row>
        <p className={styles.state} role="status" data-wrong={read.ok || isUntyped(known) ? undefined : ""}>
          {read.ok ? effortText(read.wish, summary) : `${read.message}.`.replace(/([.!?])\.$/, "$1")}
        </p>
        <DialogActions>
          <button type="button" className="button" onClick={closeOverlay}>
            Cancel
          </button>
          <button type="submit" className="button primary" disabled={!read.ok}>
            {known.judge === "command" ? "Run it on these states…" : "Check these states"}
          </button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

/** What the disk is at the log's end; undefined until that is known. */
function useFormat(session: TimelineSession, onKnown: (format: string) => void): string | undefined {
  const [format, setFormat] = useState<string>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked once, when the dialog opens.
  useEffect(() => {
    let isOpen = true;
    // Without an answer nothing is suggested; what can't be read says so when it is searched.
    void Promise.resolve()
      .then(() => call("log:format", { job: session.asked }))
      .then(
        (known) => {
          if (!isOpen) return;
          setFormat(known);
          onKnown(known);
        },
        () => undefined,
      );
    return () => {
      isOpen = false;
    };
  }, [session]);
  return format;
}

/** From the first to the last entry that passes the filter in force. */
function useFilterRange(session: TimelineSession): EntryRange | undefined {
  const { applied, total } = useStore(session.store, ({ filter }) => filter);
  const [range, setRange] = useState<EntryRange>();
  useEffect(() => {
    setRange(undefined);
    if (applied === "" || total === undefined || total === 0) return;
    let isOpen = true;
    const at = async (first: number) => {
      const { rows } = await call("log:rows", { job: session.asked, filter: applied, first, count: 1 });
      return rows[0]?.entry;
    };
    Promise.all([at(0), at(total - 1)]).then(
      ([first, last]) => {
        if (isOpen && first !== undefined && last !== undefined) setRange({ first, end: last + 1 });
      },
      () => undefined,
    );
    return () => {
      isOpen = false;
    };
  }, [session, applied, total]);
  return range;
}

interface Parts {
  readonly form: BisectForm;
  readonly read: FormResult;
  readonly summary: LogSummary;
  readonly ranges: Ranges;
  change(part: Partial<BisectForm>): void;
}

function Row({ label, children }: { label: string; children: (id: string) => ReactNode }) {
  const id = useId();
  return (
    <div className={styles.row}>
      <label htmlFor={id}>{label}</label>
      <div className={styles.controls}>{children(id)}</div>
    </div>
  );
}

interface FieldProps {
  readonly id?: string;
  readonly name: BisectField;
  readonly parts: Parts;
  readonly value: string;
  /** Accessible name, where there is no label. */
  readonly label?: string;
  readonly placeholder?: string;
  readonly wide?: boolean;
  onValue(value: string): void;
}

function Field({ id, name, parts, value, label, placeholder, wide, onValue }: FieldProps) {
  const { read } = parts;
  return (
    <input
      id={id}
      type="text"
      className={`field mono ${wide ? styles.wide : styles.number}`}
      value={value}
      aria-label={label}
      placeholder={placeholder}
      spellCheck={false}
      autoComplete="off"
      aria-invalid={!read.ok && read.field === name}
      onChange={(event) => onValue(event.target.value)}
    />
  );
}

/** What is not there yet is no mistake. */
function isUntyped({ judge, line }: BisectForm): boolean {
  return judge === "command" && line === "";
}

interface JudgeParts extends Parts {
  /** What the disk is at the log's end; undefined until that is known. */
  readonly format: string | undefined;
  /** Those with a check. */
  readonly formats: readonly string[];
}

function JudgeFields({ form, change, read, format, formats }: JudgeParts) {
  const id = useId();
  const command = shownCommand(form);
  const line = useRef<HTMLInputElement>(null);
  const radio = useRef<HTMLInputElement>(null);
  useEffect(() => (line.current ?? radio.current)?.focus(), []);
  return (
    <fieldset className={styles.judges}>
      <legend>Check each state by</legend>
      <label className={styles.choice}>
        <input
          type="radio"
          name="judge"
          checked={form.judge === "command"}
          onChange={() => change({ judge: "command" })}
        />{" "}
        a command of yours; exit code 0 passes
      </label>
      {form.judge === "command" && (
        <div className={styles.command}>
          <input
            ref={line}
            type="text"
            className="field mono"
            aria-label="Command"
            aria-describedby={id}
            aria-invalid={!read.ok && read.field === "line" && !isUntyped(form)}
            placeholder="e2fsck -fn {}"
            spellCheck={false}
            autoComplete="off"
            value={form.line}
            onChange={(event) => change({ line: event.target.value })}
          />
          <p id={id} className={styles.hint}>
            {command === undefined ? (
              "{} stands for a temporary file that holds the state. You are asked before anything runs."
            ) : (
              <>
                Runs: <code className={`mono selectable ${styles.shown}`}>{command}</code>
              </>
            )}
          </p>
          <div className={styles.controls}>
            <label className={styles.choice}>
              <input
                type="checkbox"
                checked={form.shell}
                onChange={(event) => change({ shell: event.target.checked })}
              />{" "}
              by the shell
            </label>
            <label className={styles.choice}>
              ended after{" "}
              <input
                type="text"
                className={`field mono ${styles.number}`}
                value={form.seconds}
                aria-invalid={!read.ok && read.field === "seconds"}
                onChange={(event) => change({ seconds: event.target.value })}
              />{" "}
              s
            </label>
          </div>
        </div>
      )}
      <label className={styles.choice}>
        <input
          ref={radio}
          type="radio"
          name="judge"
          checked={form.judge === "check"}
          onChange={() => change({ judge: "check" })}
        />{" "}
        the check of{" "}
        <select
          className="field"
          aria-label="Format of the check"
          value={form.format}
          onChange={(event) => change({ judge: "check", format: event.target.value })}
        >
          {formats.map((one) => (
            <option key={one} value={one}>
              {one.toUpperCase()}
            </option>
          ))}
        </select>{" "}
        images; leaks pass
      </label>
      {form.judge === "check" && format !== undefined && format !== form.format && (
        <p className={styles.hint}>
          The disk does not begin as a {form.format.toUpperCase()} image at the log's end: every state will
          fail.
        </p>
      )}
    </fieldset>
  );
}

function MomentFields(parts: Parts) {
  const { form, change, summary } = parts;
  const { flushes, fua, marks } = summary.totals;
  const some = (number: number, what: string) => `${what} (${decimal(number)})`;
  return (
    <Row label="States after">
      {(id) => (
        <>
          <select
            id={id}
            className="field"
            value={form.moments}
            onChange={(event) => change({ moments: event.target.value as BisectForm["moments"] })}
          >
            <option value="flush">{some(flushes, "every flush")}</option>
            <option value="fua">{some(fua, "every FUA write")}</option>
            <option value="mark">{some(marks, "every mark")}</option>
            <option value="each">every entry</option>
            <option value="every">a number of entries</option>
            <option value="reorder">reordered writes between flushes</option>
          </select>
          {form.moments === "every" && (
            <Field
              name="every"
              parts={parts}
              label="Entries between states"
              value={form.every}
              onValue={(every) => change({ every })}
            />
          )}
          {form.moments === "reorder" && (
            <>
              <Field
                name="sample"
                parts={parts}
                label="Reordered states"
                value={form.sample}
                onValue={(sample) => change({ sample })}
              />
              <span aria-hidden>seed</span>
              <Field
                name="seed"
                parts={parts}
                label="Seed"
                value={form.seed}
                onValue={(seed) => change({ seed })}
              />
              <label className={styles.choice}>
                <input
                  type="checkbox"
                  checked={form.torn}
                  onChange={(event) => change({ torn: event.target.checked })}
                />{" "}
                writes may be torn
              </label>
            </>
          )}
        </>
      )}
    </Row>
  );
}

function SearchFields({ form, change }: Parts) {
  const isSample = form.moments === "reorder";
  const search = isSample && form.search === "binary" ? "first" : form.search;
  return (
    <Row label="Search">
      {(id) => (
        <>
          <select
            id={id}
            className="field"
            value={search}
            onChange={(event) => change({ search: event.target.value as BisectForm["search"] })}
          >
            {!isSample && <option value="binary">by halves</option>}
            <option value="first">in turn, up to the first that fails</option>
            <option value="all">in turn, all of them</option>
          </select>
          {!isSample && (
            <label className={styles.choice}>
              <input
                type="checkbox"
                checked={form.refine}
                onChange={(event) => change({ refine: event.target.checked })}
              />{" "}
              then entry by entry behind the last that passes
            </label>
          )}
        </>
      )}
    </Row>
  );
}

function RangeFields(parts: Parts) {
  const { form, change, summary, ranges } = parts;
  const text = ({ first, end }: EntryRange) => `${decimal(first)} to ${decimal(end - 1)}`;
  return (
    <Row label="Entries">
      {(id) => (
        <>
          <select
            id={id}
            className="field"
            value={form.range}
            onChange={(event) => change({ range: event.target.value as BisectForm["range"] })}
          >
            <option value="all">all {decimal(summary.counted)}</option>
            {ranges.selection && <option value="selection">those selected, {text(ranges.selection)}</option>}
            {ranges.filter && (
              <option value="filter">from the first to the last that passes, {text(ranges.filter)}</option>
            )}
            <option value="given">from … to …</option>
          </select>
          {form.range === "given" && (
            <>
              <Field
                name="range"
                parts={parts}
                label="First entry"
                value={form.first}
                onValue={(first) => change({ first })}
              />
              <span>to</span>
              <Field
                name="range"
                parts={parts}
                label="Last entry"
                placeholder={decimal(summary.entries - 1)}
                value={form.last}
                onValue={(last) => change({ last })}
              />
            </>
          )}
        </>
      )}
    </Row>
  );
}
