// The commands of bytes with a caret, the same in every panel that shows them: moving by sector and cluster,
// history, copying, and how the panes show addresses, boundaries and numbers.
import { useMemo } from "react";
import { useStore } from "zustand";
import { toPlain } from "../../core/base/errors.ts";
import { type Runners, useCommands } from "../commands/registry.ts";
import { choices, usePrefs } from "../store/prefs.ts";
import type { Surface } from "../store/surface.ts";
import { useView } from "../store/view.ts";
import { bytes, count, hex } from "../widgets/format.ts";
import { copyLimit, copyToClipboard, rangeText, selectedBytes } from "./copy.ts";
import { selectMore } from "./input.ts";
import { sectorSize } from "./labels.ts";
import { toUnit } from "./moves.ts";

/** Above this, a plain copy shows its progress in the dialog. */
const quietCopyLimit = 4 * 1024 * 1024;

/** Registers them for the surface while the component is mounted. */
export function useHexCommands(surface: Surface): void {
  useCommands(useGoCommands(surface));
  useCommands(useHistoryCommands(surface));
  useCommands(useCopyCommands(surface));
  useCommands(useShowCommands(surface));
}

function useGoCommands({ view, rows, extent, clusterSize }: Surface): Runners {
  return useMemo(() => {
    const nothing = extent === 0 ? "The image is empty" : undefined;
    const step = (unit: number | undefined, by: 1 | -1) => ({
      run: () => unit !== undefined && view.moveTo(toUnit(view.getState().caret, unit, by, extent), rows),
      disabled: nothing ?? (unit === undefined ? "This image has no clusters" : undefined),
    });
    return {
      "go.nextSector": step(sectorSize, 1),
      "go.previousSector": step(sectorSize, -1),
      "go.nextCluster": step(clusterSize, 1),
      "go.previousCluster": step(clusterSize, -1),
      "go.start": { run: () => view.jumpTo(0, rows), disabled: nothing },
      "go.end": { run: () => view.jumpTo(extent - 1, rows), disabled: nothing },
    };
  }, [view, rows, extent, clusterSize]);
}

function useHistoryCommands({ view, rows }: Surface): Runners {
  const canBack = useStore(view, ({ historyIndex }) => historyIndex > 0);
  const canForward = useStore(view, ({ historyIndex, history }) => historyIndex < history.length - 1);
  return useMemo(
    () => ({
      "go.back": { run: () => view.back(rows), disabled: canBack ? undefined : "No earlier place" },
      "go.forward": { run: () => view.forward(rows), disabled: canForward ? undefined : "No later place" },
    }),
    [view, rows, canBack, canForward],
  );
}

function useCopyCommands(surface: Surface): Runners {
  const { extent } = surface;
  return useMemo(() => {
    const nothing = extent === 0 ? "The image is empty" : undefined;
    return {
      "edit.copy": { run: () => void copyOctets(surface), disabled: nothing },
      "edit.selectAll": { run: () => selectMore(surface), disabled: nothing },
      "edit.copyAs": { run: () => useView.getState().show({ kind: "copyAs" }), disabled: nothing },
      "edit.copyAddress": { run: () => void copyAddress(surface), disabled: nothing },
    };
  }, [surface, extent]);
}

async function copyOctets(surface: Surface): Promise<void> {
  const { say, show } = useView.getState();
  const range = selectedBytes(surface);
  if (!range) return say("Nothing to copy: the selection is outside the image");
  if (range.length > copyLimit) {
    return say(`${bytes(range.length)} are selected; at most 64 MiB can be copied. Select less.`);
  }
  if (range.length > quietCopyLimit) return show({ kind: "copyAs" });
  try {
    await copyToClipboard(await rangeText(surface, range, "octets"));
    say(`Copied ${count(range.length, "byte")} as hex octets`);
  } catch (error) {
    say(`Can't copy: ${toPlain(error).message}`);
  }
}

async function copyAddress({ view, shift }: Surface): Promise<void> {
  const { say } = useView.getState();
  const address = hex(Math.max(0, view.getState().caret + shift));
  try {
    await copyToClipboard(address);
    say(`Copied ${address}`);
  } catch (error) {
    say(`Can't copy: ${toPlain(error).message}`);
  }
}

const boundaryNames = {
  all: "sectors and clusters",
  sector: "sectors",
  cluster: "clusters",
  none: "off",
} as const;
const baseNames = { hex: "hexadecimal", decimal: "decimal", sector: "sector and offset" } as const;
const orderNames = { format: "as the format", little: "little-endian", big: "big-endian" } as const;

/** The choice after this one, from the first again after the last. */
function after<T>(all: readonly T[], now: T): T {
  return all[(all.indexOf(now) + 1) % all.length] ?? now;
}

function useShowCommands({ view }: Surface): Runners {
  return useMemo(() => {
    const { set } = usePrefs.getState();
    const { say } = useView.getState();
    return {
      "view.units": {
        run: () => {
          const boundaries = after(choices.boundaries, usePrefs.getState().boundaries);
          set({ boundaries });
          say(`Boundary lines: ${boundaryNames[boundaries]}`);
        },
      },
      "view.addressBase": {
        run: () => {
          const addressBase = after(choices.addressBase, usePrefs.getState().addressBase);
          set({ addressBase });
          say(`Addresses: ${baseNames[addressBase]}`);
        },
      },
      "view.endianness": {
        run: () => {
          const endianness = after(choices.endianness, usePrefs.getState().endianness);
          set({ endianness });
          say(`Inspector byte order: ${orderNames[endianness]}`);
        },
      },
      "view.face": {
        run: () => view.setState({ face: view.getState().face === "hex" ? "text" : "hex" }),
      },
    };
  }, [view]);
}
