// A name that may be longer than its place: cut in the middle, since images of one disk often differ only at the end of
// their names ("… pass 1.img", "… at nightly"). Read out, it is whole.
import styles from "./LongName.module.css";
import { endOfName } from "./longNames.ts";

interface LongNameProps {
  readonly text: string;
  readonly className?: string | undefined;
  readonly title?: string | undefined;
}

export function LongName({ text, className = "", title }: LongNameProps) {
  const end = endOfName(text);
  return (
    <span className={`${styles.name} ${className}`} title={title}>
      <span className={styles.start} aria-hidden={end !== "" || undefined}>
        {text.slice(0, text.length - end.length)}
      </span>
      {end !== "" && (
        <>
          <span className={styles.end} aria-hidden>
            {end}
          </span>
          <span className="visually-hidden">{text}</span>
        </>
      )}
    </span>
  );
}
