// The command palette and quick open: one field and one list, kept in step by the accessible autocomplete.
import { useMemo, useState } from "react";
import {
  Autocomplete,
  Dialog,
  Input,
  ListBox,
  ListBoxItem,
  Modal,
  ModalOverlay,
  SearchField,
} from "react-aria-components";
import { flushSync } from "react-dom";
import { useApp } from "../../store/app.ts";
import { useView } from "../../store/view.ts";
import { closeOverlay } from "../../widgets/Dialog.tsx";
import { giveFocusBack } from "../panelFocus.ts";
import { type PaletteItem, paletteItems } from "./items.ts";
import styles from "./Palette.module.css";

export function Palette({ prefix }: { prefix: string }) {
  const platform = useApp((state) => state.info?.platform ?? "linux");
  const [text, setText] = useState(prefix);
  const items = useMemo(() => paletteItems(text, platform), [text, platform]);
  const choose = (id: string) => {
    const item = items.find((candidate) => candidate.id === id);
    if (!item) return;
    if (item.prefill !== undefined) return setText(item.prefill);
    if (item.disabled !== undefined) return useView.getState().say(item.disabled || undefined);
    // Nothing is left for later: a key that waits already is meant for what the command opens.
    flushSync(closeOverlay);
    giveFocusBack();
    item.run?.();
  };
  return (
    <ModalOverlay
      className={styles.scrim ?? ""}
      isOpen
      isDismissable
      onOpenChange={(open) => !open && closeOverlay()}
    >
      <Modal className={styles.modal ?? ""}>
        <Dialog className={styles.dialog ?? ""} aria-label="Command palette">
          <Autocomplete inputValue={text} onInputChange={setText}>
            <SearchField
              className={styles.search ?? ""}
              aria-label="Command, image or offset"
              autoFocus
              onKeyDown={(event) => {
                if (event.key === "Escape") closeOverlay();
                else if (event.key === "Enter" && !event.nativeEvent.isComposing) {
                  // Also that no view and no button that has the focus next takes the same press.
                  event.preventDefault();
                  choose(marked() ?? items[0]?.id ?? "");
                } else event.continuePropagation();
              }}
            >
              <Input
                className={styles.input ?? ""}
                role="combobox"
                aria-expanded="true"
                placeholder="An open or recent image; > command, : offset, ? help"
              />
            </SearchField>
            <ListBox
              className={styles.list ?? ""}
              aria-label="Results"
              items={items}
              selectionMode="none"
              shouldFocusWrap
              onAction={(key) => choose(String(key))}
              renderEmptyState={() => <p className={styles.empty}>Nothing matches. Type ? for help.</p>}
            >
              {(item) => <Row item={item} />}
            </ListBox>
          </Autocomplete>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

/** The item that is seen to be marked; before anything was typed none is, and Enter takes the first. */
function marked(): string | undefined {
  // aria-activedescendant of the field comes half a second later, and names an earlier item until then.
  return document.querySelector<HTMLElement>('[role="option"][data-focused]')?.dataset.key;
}

function Row({ item }: { item: PaletteItem }) {
  const off = item.disabled !== undefined;
  return (
    <ListBoxItem
      id={item.id}
      textValue={[item.title, item.detail, item.disabled].filter(Boolean).join(", ")}
      className={off ? `${styles.item} ${styles.off}` : (styles.item ?? "")}
    >
      <span className={styles.title}>{item.title}</span>
      <span className={styles.detail}>{item.disabled ?? item.detail}</span>
      {item.key !== undefined && <kbd>{item.key}</kbd>}
    </ListBoxItem>
  );
}
