// The hex panel's toolbar: history, go-to, the address space, and the facts of the image.
import type { NodeSummary } from "../../../core/jobs/sessionContract.ts";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { runOrSay } from "../../commands/dispatcher.ts";
import { noSnapshotsWhy } from "../../imageFacts/snapshots.ts";
import { CommandButton } from "../../widgets/CommandButton.tsx";
import { bytes, decimal } from "../../widgets/format.ts";
import {
  BackIcon,
  CloseIcon,
  ForwardIcon,
  GoToIcon,
  HistoryIcon,
  InfoIcon,
  LockIcon,
  NodesIcon,
  SnapshotsIcon,
} from "../../widgets/icons.ts";
import shared from "../../widgets/panel.module.css";
import { useLogs } from "../timeline/session.ts";
import styles from "./hex.module.css";
import { hasFileSpace, noFileSpace } from "./space.ts";
import type { Space } from "./views.ts";

interface ToolbarProps {
  readonly image: OpenedImage;
  readonly space: Space;
  /** The node that shows in place of the guest disk and its file. */
  readonly node: NodeSummary | undefined;
}

export function Toolbar({ image, space, node }: ToolbarProps) {
  const hasLog = useLogs((state) => state.logs.length > 0);
  return (
    <section className={shared.toolbar} aria-label="Image" data-pane="toolbar">
      <CommandButton command="go.back" icon={BackIcon} />
      <CommandButton command="go.forward" icon={ForwardIcon} />
      <CommandButton command="go.to" icon={GoToIcon}>
        Go to
      </CommandButton>
      <span className={shared.divider} aria-hidden />
      <SpaceSwitch image={image} space={space} />
      {node && (
        <button
          type="button"
          className="button quiet"
          aria-pressed
          title="Back to the guest disk"
          onClick={() => runOrSay("view.space")}
        >
          {node.path} <CloseIcon size={13} aria-hidden />
        </button>
      )}
      <CommandButton command="view.bottomPanel" icon={NodesIcon}>
        Nodes
      </CommandButton>
      {noSnapshotsWhy(image) === undefined && (
        <CommandButton command="view.snapshots" icon={SnapshotsIcon}>
          Snapshots
        </CommandButton>
      )}
      {hasLog && (
        <CommandButton command="timeline.here" icon={HistoryIcon}>
          Who wrote this?
        </CommandButton>
      )}
      <span className={shared.space} />
      <Facts image={image} />
      <CommandButton command="view.facts" icon={InfoIcon} />
      <span className={styles.fact} title={lockText(image)}>
        <LockIcon size={13} aria-hidden /> <span className={styles.lockWord}>read-only</span>
      </span>
    </section>
  );
}

function SpaceSwitch({ image, space }: { image: OpenedImage; space: Space }) {
  const none = hasFileSpace(image) ? undefined : noFileSpace(image);
  const choice = (value: "guest" | "file", label: string, title: string) => (
    <button
      type="button"
      className="button quiet"
      aria-pressed={space === value}
      disabled={none !== undefined && value === "file"}
      title={(value === "file" ? none : undefined) ?? `${title} (V)`}
      onClick={() => space !== value && runOrSay("view.space")}
    >
      {label}
    </button>
  );
  return (
    <fieldset className={styles.switch}>
      <legend className="visually-hidden">Address space</legend>
      {choice("guest", "Guest", "What a virtual machine sees: the disk inside the image")}
      {choice("file", "File", "The container file itself, with the format's own structures")}
    </fieldset>
  );
}

function Facts({ image }: { image: OpenedImage }) {
  const { format, size, fileSize, info } = image;
  const facts = [
    { text: format.toUpperCase(), title: "Format" },
    { text: bytes(size), title: `Size of the guest disk: ${decimal(size)} bytes` },
    ...(!hasFileSpace(image)
      ? []
      : [{ text: `file ${bytes(fileSize)}`, title: `${decimal(fileSize)} bytes` }]),
    ...(info.clusterSize === undefined
      ? []
      : [{ text: `clusters ${bytes(info.clusterSize)}`, title: "Cluster size" }]),
    ...(info.backing === undefined
      ? []
      : [{ text: `backing ${info.backing.filename}`, title: backingTitle(info.backing) }]),
  ];
  return facts.map(({ text, title }) => (
    <span key={text} className={styles.fact} title={title}>
      {text}
    </span>
  ));
}

function backingTitle({ fullFilename, format }: NonNullable<OpenedImage["info"]["backing"]>): string {
  const told = format ?? "format not recorded, told by its first bytes";
  return `${fullFilename ?? "Backing file"} (${told})`;
}

function lockText({ writable }: OpenedImage): string {
  return writable
    ? "Nothing here writes: only a repair that you start changes this file"
    : "The file system allows reading only, and nothing here would write";
}
