// "Copy as…": the selection in a chosen format, to the clipboard or into a file. Bytes that were not read yet
// are read, with progress and Cancel; more than the clipboard takes can only be narrowed.
import { useEffect, useId, useMemo, useRef, useState } from "react";
import { toPlain } from "../../core/base/errors.ts";
import { call } from "../api.ts";
import { type Surface, useSurface } from "../store/surface.ts";
import { useView } from "../store/view.ts";
import card from "../widgets/card.module.css";
import { closeOverlay, Dialog, DialogActions } from "../widgets/Dialog.tsx";
import { bytes, count, hex } from "../widgets/format.ts";
import styles from "./CopyAsDialog.module.css";
import { type CopyRange, copyToClipboard, rangeText, selectedBytes, tooLarge } from "./copy.ts";
import { type CopyFormat, copyFormats } from "./copyFormats.ts";

export function CopyAsDialog() {
  const surface = useSurface((state) => state.surface);
  const [range] = useState(() => surface && selectedBytes(surface));
  if (!surface) return null;
  return range ? <Form surface={surface} range={range} /> : <Nothing />;
}

function Nothing() {
  return (
    <Dialog title="Copy as" width={540}>
      <p>The selection is outside the image: there is nothing to copy.</p>
      <DialogActions>
        <button type="button" className="button primary" onClick={closeOverlay}>
          Close
        </button>
      </DialogActions>
    </Dialog>
  );
}

/** The last choice, for as long as the window lives. */
let lastFormat: CopyFormat = "octets";
/** Bytes shown as an example of what will be copied. */
const previewBytes = 48;

type Work =
  | { readonly kind: "idle" }
  | { readonly kind: "busy"; readonly share: number; readonly control: AbortController }
  | { readonly kind: "failed"; readonly message: string };

function Form({ surface, range }: { surface: Surface; range: CopyRange }) {
  const id = useId();
  const [format, setFormat] = useState<CopyFormat>(lastFormat);
  const [work, setWork] = useState<Work>({ kind: "idle" });
  const preview = usePreview(surface, range, format);
  const refused = tooLarge(format, range.length);
  const running = useRef<AbortController>(undefined);
  useEffect(() => () => running.current?.abort(), []);

  const run = async (deliver: (text: string) => Promise<string | undefined>) => {
    const control = new AbortController();
    running.current = control;
    setWork({ kind: "busy", share: 0, control });
    try {
      const text = await rangeText(surface, range, format, {
        signal: control.signal,
        progress: (share) => setWork({ kind: "busy", share, control }),
      });
      const said = await deliver(text);
      if (said === undefined) return setWork({ kind: "idle" });
      useView.getState().say(said);
      if (!control.signal.aborted) closeOverlay();
    } catch (error) {
      setWork(control.signal.aborted ? { kind: "idle" } : { kind: "failed", message: failureText(error) });
    }
  };
  const copy = () =>
    run(async (text) => {
      await copyToClipboard(text);
      return `Copied ${count(range.length, "byte")}`;
    });
  const save = () =>
    run(async (content) => {
      const suggestedName = `${surface.image.file.name}-${range.offset.toString(16)}.txt`.slice(-200);
      const saved = await call("export:save", { suggestedName, content });
      return saved && `Saved ${saved.name}`;
    });
  const busy = work.kind === "busy";
  return (
    <Dialog title="Copy as" width={540}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!refused && !busy) void copy();
        }}
      >
        <p className={styles.range}>
          {count(range.length, "byte")}
          {range.length >= 1024 && ` (${bytes(range.length)})`} from {surface.space} offset{" "}
          {hex(range.offset)}
        </p>
        <div className={styles.columns}>
          <fieldset className={styles.formats} disabled={busy}>
            <legend className="visually-hidden">Format</legend>
            {copyFormats.map((choice) => (
              <label key={choice.id}>
                <input
                  type="radio"
                  name={id}
                  checked={choice.id === format}
                  autoFocus={choice.id === format}
                  onChange={() => {
                    lastFormat = choice.id;
                    setFormat(choice.id);
                  }}
                />
                {choice.label}
              </label>
            ))}
          </fieldset>
          <textarea
            className={`${card.text} ${styles.preview} mono`}
            aria-label="Beginning of what is copied"
            readOnly
            value={preview}
          />
        </div>
        {work.kind === "busy" && (
          <progress className={styles.progress} value={work.share} max={1} aria-label="Reading" />
        )}
        <p className={styles.message} role="status">
          {refused ?? (work.kind === "failed" ? work.message : "")}
        </p>
        <DialogActions>
          {busy ? (
            <button type="button" className="button" onClick={() => work.control.abort()}>
              Stop reading
            </button>
          ) : (
            <button type="button" className="button" onClick={closeOverlay}>
              Cancel
            </button>
          )}
          <button
            type="button"
            className="button"
            disabled={busy || refused !== undefined}
            onClick={() => void save()}
          >
            Save as text…
          </button>
          <button type="submit" className="button primary" disabled={busy || refused !== undefined}>
            Copy
          </button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

function failureText(error: unknown): string {
  const { message, context } = toPlain(error);
  const where = context.offset === undefined ? "" : ` at ${hex(context.offset)}`;
  return `Can't read the selection${where}: ${message}. Nothing was copied.`;
}

/** The beginning of the text, as it will be. */
function usePreview(surface: Surface, range: CopyRange, format: CopyFormat): string {
  const [text, setText] = useState("");
  const part = useMemo(
    () => ({ offset: range.offset, length: Math.min(range.length, previewBytes) }),
    [range],
  );
  useEffect(() => {
    const control = new AbortController();
    rangeText(surface, part, format, { signal: control.signal }).then(
      (made) => setText(range.length > part.length ? `${made}…` : made),
      (error: unknown) => !control.signal.aborted && setText(failureText(error)),
    );
    return () => control.abort();
  }, [surface, range, part, format]);
  return text;
}
