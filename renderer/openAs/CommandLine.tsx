// The same graph as the command line takes it, to be copied. What is shown is for show: main copies the exact text.
import { useState } from "react";
import { toPlain } from "../../core/base/errors.ts";
import type { GraphCheck } from "../../electron/ipc/contract.ts";
import { call } from "../api.ts";
import type { toOptions } from "./draft.ts";
import styles from "./openAs.module.css";

interface CommandLineProps {
  readonly check: GraphCheck;
  readonly options: ReturnType<typeof toOptions>;
}

export function CommandLine({ check, options }: CommandLineProps) {
  const [as, setAs] = useState<"image-opts" | "json">("image-opts");
  const [said, setSaid] = useState("");
  const shown = as === "json" ? check.json : check.imageOpts;
  const copy = async () => {
    try {
      await call("graph:copy", { options, as });
      setSaid("Copied");
    } catch (error) {
      setSaid(`Not copied: ${toPlain(error).message}`);
    }
  };
  return (
    <section className={styles.commandLine} aria-label="For the command line">
      <div className={styles.commandHead}>
        <h3>For the command line</h3>
        <span role="status">{said}</span>
        <select
          className="field"
          aria-label="Form for the command line"
          value={as}
          onChange={(event) => setAs(event.target.value === "json" ? "json" : "image-opts")}
        >
          <option value="image-opts">--image-opts</option>
          <option value="json">json: file name</option>
        </select>
        <button type="button" className="button" disabled={shown === ""} onClick={() => void copy()}>
          Copy
        </button>
      </div>
      <p className={`${styles.commandText} mono selectable`}>
        {shown === "" ? "Shows when everything that is needed is given." : shown}
      </p>
    </section>
  );
}
