// Step 3: every change as a row to be chosen or left out; bytes before and after of the row that is looked at; the map
// of the file before and after; and all of it in numbers.
import { useRef } from "react";
import { Group, Panel, Separator } from "react-resizable-panels";
import { saveLayout, usePrefs } from "../../store/prefs.ts";
import { Notice } from "../../widgets/Notice.tsx";
import compare from "../compare/compare.module.css";
import { ItemDetail } from "./ItemDetail.tsx";
import { ItemTable } from "./ItemTable.tsx";
import { MapStrips } from "./MapStrips.tsx";
import styles from "./repair.module.css";
import { StepPage } from "./StepPage.tsx";
import type { RepairSession } from "./session.ts";
import type { RepairState } from "./state.ts";
import { effectText, sentence, totalsText } from "./wording.ts";

interface StepProps {
  readonly session: RepairSession;
  readonly state: RepairState;
  readonly name: string;
}

export function PlanStep({ session, state, name }: StepProps) {
  const { offered } = session;
  const detail = useRef<HTMLElement>(null);
  if (!offered) return null;
  const { choice, choosing } = state;
  const hasChoice = choice !== undefined && choice.ids.length > 0;
  return (
    <StepPage
      title="Plan"
      fills
      actions={
        <>
          <button type="button" className="button" onClick={() => session.go("findings")}>
            Back
          </button>
          <button
            type="button"
            className="button primary"
            disabled={!hasChoice || choosing}
            title={hasChoice ? undefined : "No change is chosen"}
            onClick={() => session.go("write")}
          >
            Next: Write
          </button>
        </>
      }
      note={
        choice && (
          <span className="number" role="status">
            {totalsText(choice, offered.items)}. {effectText(choice, offered.fileSize)}
            {choosing && <span className={styles.slow}> Working out what depends on it…</span>}
          </span>
        )
      }
    >
      <PlanBar session={session} />
      {state.choiceError && (
        <Notice tone="error">
          The choice was not changed: {sentence(state.choiceError.message)}{" "}
          {state.choiceError.context.hint && sentence(state.choiceError.context.hint)}
        </Notice>
      )}
      <Group
        orientation="vertical"
        className={styles.split}
        defaultLayout={usePrefs.getState().layouts["repair-plan"] ?? { items: 55, detail: 45 }}
        onLayoutChanged={(layout, { isUserInteraction }) =>
          isUserInteraction && saveLayout("repair-plan", layout)
        }
      >
        <Panel id="items" minSize={90}>
          <ItemTable
            session={session}
            state={state}
            items={offered.items}
            onOpen={() => detail.current?.focus()}
          />
        </Panel>
        <Separator className={compare.down} aria-label="Height of the table" />
        <Panel id="detail" minSize={80}>
          <ItemDetail session={session} state={state} handle={detail} />
        </Panel>
      </Group>
      {choice && (
        <MapStrips
          strips={state.strips}
          name={name}
          offered={offered}
          choice={choice}
          clusterSize={session.clusterSize}
        />
      )}
    </StepPage>
  );
}

function PlanBar({ session }: { session: RepairSession }) {
  const { offered, findings } = session;
  const whole = findings.ids.length === (offered?.items ?? 0);
  return (
    <div className={styles.bar}>
      <span>Choose:</span>
      <button
        type="button"
        className="button"
        title="What is chosen unless you say otherwise: nothing that may lose data"
        onClick={() => session.choose("default")}
      >
        Default
      </button>
      <button
        type="button"
        className="button"
        disabled={!whole || findings.safe.length === 0}
        title={findings.safe.length === 0 ? "No item is safe in this sense" : "Only what is safe"}
        onClick={() => session.choose("safe")}
      >
        Only safe
      </button>
      <button type="button" className="button" onClick={() => session.choose("none")}>
        None
      </button>
      <span className={styles.keys}>
        <kbd>Space</kbd> chooses the row, with all that depends on it; <kbd>Enter</kbd> goes to its bytes.
      </span>
    </div>
  );
}
