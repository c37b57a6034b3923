// Settings that do something now: theme, density and how bytes are shown. Each takes effect at once.
import { useId } from "react";
import { choices, usePrefs } from "../../store/prefs.ts";
import { closeOverlay, Dialog, DialogActions } from "../../widgets/Dialog.tsx";
import styles from "./dialogs.module.css";

type Setting = keyof typeof choices;

export const encodingNames: Readonly<Record<(typeof choices.encoding)[number], string>> = {
  ascii: "ASCII",
  "utf-8": "UTF-8",
  "utf-16le": "UTF-16, little endian",
  "utf-16be": "UTF-16, big endian",
  latin1: "Latin-1 (ISO 8859-1)",
  ebcdic037: "EBCDIC 037",
  ebcdic500: "EBCDIC 500",
};

const names: {
  readonly [K in Setting]: { readonly label: string; readonly values: Readonly<Record<string, string>> };
} = {
  theme: { label: "Theme", values: { system: "As the system", light: "Light", dark: "Dark" } },
  rowHeight: {
    label: "Row height",
    values: { 18: "Compact (18 px)", 20: "Normal (20 px)", 24: "Roomy (24 px)" },
  },
  bytesPerRow: { label: "Bytes per row", values: {} },
  group: { label: "Bytes per group", values: {} },
  addressBase: {
    label: "Addresses",
    values: { hex: "Hexadecimal", decimal: "Decimal", sector: "Sector + offset" },
  },
  boundaries: {
    label: "Boundary lines",
    values: { all: "Sector, 4 KiB and cluster", sector: "Sector", cluster: "Cluster", none: "None" },
  },
  encoding: { label: "Text column", values: encodingNames },
  endianness: {
    label: "Byte order in the inspector",
    values: { format: "As the image's format", little: "Little endian", big: "Big endian" },
  },
};

const sections: readonly { readonly title: string; readonly settings: readonly Setting[] }[] = [
  { title: "Appearance", settings: ["theme", "rowHeight"] },
  {
    title: "Bytes",
    settings: ["bytesPerRow", "group", "addressBase", "boundaries", "encoding", "endianness"],
  },
];

export function Settings() {
  return (
    <Dialog title="Settings" width={480}>
      {sections.map(({ title, settings }) => (
        <fieldset key={title} className={styles.settings}>
          <legend>{title}</legend>
          {settings.map((setting) => (
            <Choice key={setting} setting={setting} />
          ))}
        </fieldset>
      ))}
      <DialogActions>
        <button type="button" className="button primary" onClick={closeOverlay}>
          Done
        </button>
      </DialogActions>
    </Dialog>
  );
}

function Choice({ setting }: { setting: Setting }) {
  const id = useId();
  const value = usePrefs((state) => state[setting]);
  const set = usePrefs((state) => state.set);
  const { label, values } = names[setting];
  const allowed: readonly (string | number)[] = choices[setting];
  const choose = (text: string) => set({ [setting]: allowed.find((choice) => String(choice) === text) });
  return (
    <div className={styles.setting}>
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        className="field"
        value={String(value)}
        onChange={(event) => choose(event.target.value)}
      >
        {allowed.map((choice) => (
          <option key={choice} value={String(choice)}>
            {values[String(choice)] ?? choice}
          </option>
        ))}
      </select>
    </div>
  );
}
