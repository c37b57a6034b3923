// The one switch of byte order for all values; each value shows the other order in its tooltip.
import { useId } from "react";
import { usePrefs } from "../store/prefs.ts";
import styles from "./Inspector.module.css";

const orders = [
  { value: "little", label: "LE", title: "Little-endian: the lowest byte first" },
  { value: "big", label: "BE", title: "Big-endian: the highest byte first" },
] as const;

/** `little`: the order in force, be it chosen or the format's own. */
export function ByteOrder({ little }: { little: boolean }) {
  const name = useId();
  const { set } = usePrefs.getState();
  return (
    <fieldset className={styles.order}>
      <legend className="visually-hidden">Byte order</legend>
      {orders.map(({ value, label, title }) => (
        <label key={value} title={title}>
          <input
            type="radio"
            name={name}
            checked={little === (value === "little")}
            aria-label={title}
            onChange={() => set({ endianness: value })}
          />
          {label}
        </label>
      ))}
    </fieldset>
  );
}
