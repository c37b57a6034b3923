// Asks where the guest byte at the caret lies in its file; waits for the caret to rest, the latest answer wins.
import { useEffect, useState } from "react";
import type { Location } from "../../core/jobs/sessionContract.ts";
import { call } from "../api.ts";
import type { Surface } from "../store/surface.ts";
import { locationText } from "./position.ts";

const restMs = 60;

/** The layers that account for a guest byte; undefined while unknown. A failed question has no answer to show. */
export function useLocation(
  surface: Surface | undefined,
  offset: number | undefined,
): readonly Location[] | undefined {
  const image = surface?.image.image;
  const guestSize = surface?.image.size ?? 0;
  const [answer, setAnswer] = useState<{ image: number; offset: number; layers: readonly Location[] }>();
  useEffect(() => {
    if (image === undefined || offset === undefined || offset < 0 || offset >= guestSize) return;
    let stale = false;
    const timer = setTimeout(async () => {
      const layers = await call("image:locate", { image, offset }).catch(() => undefined);
      if (!stale && layers) setAnswer({ image, offset, layers });
    }, restMs);
    return () => {
      stale = true;
      clearTimeout(timer);
    };
  }, [image, offset, guestSize]);
  return answer && answer.image === image && answer.offset === offset ? answer.layers : undefined;
}

/** "file 0x64010" for the caret; undefined in file space, where the caret is that itself. */
export function useFilePosition(surface: Surface, caret: number): string | undefined {
  const guest = surface.space === "guest" ? caret + surface.shift : undefined;
  const layers = useLocation(surface, guest);
  return layers && locationText(layers);
}
