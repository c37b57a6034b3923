// The calm line about an image that was not closed cleanly.
import { useState } from "react";
import { Notice } from "../../widgets/Notice.tsx";
import { dirtyText } from "../compare/wording.ts";

export function DirtyNotice({ name }: { name: string }) {
  const [shown, setShown] = useState(true);
  if (!shown) return null;
  return (
    <Notice tone="info" onDismiss={() => setShown(false)}>
      {dirtyText(name)}
    </Notice>
  );
}
