// The overlay that shows, if it is one of the app's own; panels draw theirs (shift, export).
import { CopyAsDialog } from "../hex/CopyAsDialog.tsx";
import { FactsDialog } from "../imageFacts/FactsDialog.tsx";
import { SnapshotsDialog } from "../imageFacts/SnapshotsDialog.tsx";
import { OpenAs } from "../openAs/OpenAs.tsx";
import { WhoWroteDialog } from "../panels/timeline/WhoWroteDialog.tsx";
import { useView } from "../store/view.ts";
import { About } from "./dialogs/About.tsx";
import { CompareWith } from "./dialogs/CompareWith.tsx";
import { Keys } from "./dialogs/Keys.tsx";
import { SelectRange } from "./dialogs/SelectRange.tsx";
import { Settings } from "./dialogs/Settings.tsx";
import { TextEncoding } from "./dialogs/TextEncoding.tsx";
import { Palette } from "./palette/Palette.tsx";

export function Overlays() {
  const overlay = useView((state) => state.overlay);
  switch (overlay?.kind) {
    case "palette":
      return <Palette key={overlay.prefix} prefix={overlay.prefix} />;
    case "copyAs":
      return <CopyAsDialog />;
    case "about":
      return <About />;
    case "keys":
      return <Keys />;
    case "selectRange":
      return <SelectRange />;
    case "settings":
      return <Settings />;
    case "textEncoding":
      return <TextEncoding />;
    case "openAs":
      return <OpenAs />;
    case "whoWrote":
      return <WhoWroteDialog />;
    case "compareWith":
      return <CompareWith />;
    case "snapshots":
      return <SnapshotsDialog token={overlay.token} />;
    case "facts":
      return <FactsDialog token={overlay.token} />;
    default:
      return null;
  }
}
