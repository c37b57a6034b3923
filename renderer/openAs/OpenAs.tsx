// "Open as…": puts a graph together from a driver and its options, with a form made from the driver's own schema, and
// opens it read-only. What is wrong is said beside its field; the same graph for the command line is shown below.
import { type FormEvent, useEffect, useMemo, useRef, useState } from "react";
import { type PlainError, toPlain } from "../../core/base/errors.ts";
import type { DriverForm, GraphCheck } from "../../electron/ipc/contract.ts";
import { call } from "../api.ts";
import { openGraphFile } from "../shell/openFlows.ts";
import { type OpenHow, useImages } from "../store/images.ts";
import { tokensOf, useView } from "../store/view.ts";
import { closeOverlay, Dialog, DialogActions } from "../widgets/Dialog.tsx";
import { LoadingState } from "../widgets/LoadingState.tsx";
import { Notice } from "../widgets/Notice.tsx";
import { CommandLine } from "./CommandLine.tsx";
import {
  type Draft,
  type Forms,
  type NodeDraft,
  newNode,
  type Place,
  placeOfError,
  problemsByKey,
  toOptions,
  withValue,
} from "./draft.ts";
import { NodeFields } from "./NodeFields.tsx";
import styles from "./openAs.module.css";

export function OpenAs() {
  const [forms, setForms] = useState<Forms>();
  const [failed, setFailed] = useState<string>();
  useEffect(() => {
    call("graph:drivers").then(
      (drivers: readonly DriverForm[]) => setForms(new Map(drivers.map((form) => [form.name, form]))),
      (error: unknown) => setFailed(toPlain(error).message),
    );
  }, []);
  return (
    <Dialog title="Open as" width={720}>
      {failed !== undefined && <Notice tone="error">The list of drivers did not come: {failed}.</Notice>}
      {forms === undefined && failed === undefined && <LoadingState label="Loading drivers" />}
      {forms && <Form forms={forms} />}
    </Dialog>
  );
}

const noCheck: GraphCheck = { problems: [], imageOpts: "", json: "" };
/** After the last key press, milliseconds. */
const checkAfterMs = 120;

function Form({ forms }: { forms: Forms }) {
  const form = useRef<HTMLFormElement>(null);
  const [root, setRoot] = useState(() => newNode("", forms));
  const [check, setCheck] = useState(noCheck);
  /** Opening was tried: what is missing is shown as well as what is wrong. */
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  /** How often opening was tried and did not come about. */
  const [ended, setEnded] = useState(0);
  const [refusal, setRefusal] = useState<PlainError>();
  const options = useMemo(() => toOptions(root, forms), [root, forms]);
  // An effect, since a frame may come before the fields know of their problems.
  useEffect(() => {
    if (ended > 0) form.current?.querySelector<HTMLElement>("[data-invalid]")?.focus();
  }, [ended]);
  /** The dialog still shows: whoever dismissed it wants nothing opened. */
  const wanted = useRef(true);
  useEffect(() => {
    wanted.current = true;
    return () => {
      wanted.current = false;
    };
  }, []);
  useEffect(() => {
    let current = true;
    const timer = setTimeout(() => {
      call("graph:check", { options }).then(
        (answer) => current && setCheck(answer),
        (error: unknown) => current && setRefusal(toPlain(error)),
      );
    }, checkAfterMs);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [options]);

  const problems = useMemo(() => {
    const known = new Map(problemsByKey(root, check.problems, forms));
    if (refusal) known.set(placeOfError(root, refusal, forms), refusalText(refusal));
    return known;
  }, [root, check, refusal, forms]);
  const change = (place: Place, value: Draft | undefined) => {
    setRefusal(undefined);
    setRoot((before) => withValue(before, place, value) as NodeDraft);
  };
  const submit = async (how: OpenHow) => {
    if (busy) return;
    setBusy(true);
    setTried(true);
    setRefusal(undefined);
    try {
      const checked = await call("graph:check", { options });
      setCheck(checked);
      if (checked.problems.length === 0) {
        setRefusal(await open(options, how, () => wanted.current));
      }
    } catch (error) {
      setRefusal(toPlain(error));
    }
    setBusy(false);
    setEnded((before) => before + 1);
  };
  return (
    <form
      ref={form}
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        void submit({});
      }}
      className={styles.form}
      aria-busy={busy}
      noValidate
    >
      <div className={styles.fields}>
        <NodeFields
          node={root}
          place={[]}
          label="Driver"
          forms={forms}
          problems={problems}
          tried={tried}
          onChange={change}
        />
      </div>
      {refusal?.context.consent === "backing" && (
        <Notice
          tone="warning"
          actions={
            <button type="button" className="button" onClick={() => void submit({ trustBacking: true })}>
              Open with its backing file
            </button>
          }
        >
          {refusal.context.path}
        </Notice>
      )}
      <CommandLine check={check} options={options} />
      <DialogActions>
        <button type="button" className="button" onClick={closeOverlay}>
          Cancel
        </button>
        <button type="submit" className="button primary" aria-disabled={busy || undefined}>
          {busy ? "Opening…" : "Open read-only"}
        </button>
      </DialogActions>
    </form>
  );
}

/** Opens the graph; one that can't be opened, or is no longer wanted, leaves nothing behind but its reason. */
async function open(
  options: ReturnType<typeof toOptions>,
  how: OpenHow,
  isWanted: () => boolean,
): Promise<PlainError | undefined> {
  const file = await call("graph:keep", { options });
  const { open: openImage, close } = useImages.getState();
  await openImage(file, how);
  const state = useImages.getState().byToken[file.token];
  if (state?.kind === "open" && isWanted()) {
    closeOverlay();
    openGraphFile(file, state.image);
    return undefined;
  }
  const isShown = useView.getState().tabs.some((tab) => tokensOf(tab).includes(file.token));
  if (!isShown) await close(file.token);
  return state?.kind === "failed" ? state.error : undefined;
}

function refusalText({ message, context }: PlainError): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  const said = /[.!?]$/.test(text) ? text : `${text}.`;
  return context.hint === undefined ? said : `${said} ${context.hint}`;
}
