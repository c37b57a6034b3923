// A name that may be longer than its place: cut in the middle, since images of one disk often differ only at the end of
// their names ("… pass 1.img", "… at nightly"); of a pair, both names are. Read out, it is whole.
import { Fragment } from "react";
import styles from "./LongName.module.css";
import { cutName, pairSign } from "./longNames.ts";

interface LongNameProps {
  readonly text: string;
  readonly className?: string | undefined;
  readonly title?: string | undefined;
}

export function LongName({ text, className = "", title }: LongNameProps) {
  const names = cutName(text);
  const isCut = names.some(({ end }) => end !== "");
  return (
    <span className={`${styles.name} ${className}`} title={title}>
      {names.map(({ start, end }, index) => (
        <Fragment key={index}>
          {index > 0 && (
            <span className={styles.between} aria-hidden={isCut || undefined}>
              {pairSign}
            </span>
          )}
          <span className={styles.one} aria-hidden={isCut || undefined}>
            <span className={styles.start}>{start}</span>
            {end !== "" && <span className={styles.end}>{end}</span>}
          </span>
        </Fragment>
      ))}
      {isCut && <span className="visually-hidden">{text}</span>}
    </span>
  );
}
