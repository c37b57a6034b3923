// Where the guest byte at the caret lies in its file, as the status bar and the go-to field say it.
import type { Location } from "../../core/jobs/sessionContract.ts";
import { useLayers } from "../hex/useLayers.ts";
import type { Surface } from "../store/surface.ts";
import { locationText } from "./position.ts";

/** The layers that account for a guest byte; undefined while unknown. A failed question has no answer to show. */
export function useLocation(
  surface: Surface | undefined,
  offset: number | undefined,
): readonly Location[] | undefined {
  const image = surface?.image;
  const asked = image && offset !== undefined && offset >= 0 && offset < image.size ? offset : undefined;
  const { is } = useLayers(image?.image, asked);
  return asked !== undefined && is.kind === "known" ? is.answer : undefined;
}

/** "file 0x64010" for the caret; undefined in file space, where the caret is that itself. */
export function useFilePosition(surface: Surface, caret: number): string | undefined {
  // Above several nodes there is no one file to have a place in.
  const hasFile = surface.image.nodes.some(({ path }) => path === "file");
  const isGuest = surface.space === "guest" && surface.node === undefined && hasFile;
  const guest = isGuest ? caret + surface.shift : undefined;
  const layers = useLocation(surface, guest);
  return layers && locationText(layers);
}
