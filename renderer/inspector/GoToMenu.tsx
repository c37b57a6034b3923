// The button beside an integer: goes to it as an offset or a sector.
import { Button, Menu, MenuItem, MenuTrigger, Popover } from "react-aria-components";
import { evaluateHere, jump } from "../goto/jumps.ts";
import type { Surface } from "../store/surface.ts";
import { useView } from "../store/view.ts";
import { hex } from "../widgets/format.ts";
import { ForwardIcon } from "../widgets/icons.ts";
import type { GoTarget } from "./goTargets.ts";
import styles from "./Inspector.module.css";

interface GoToMenuProps {
  /** The value's type, "uint32". */
  readonly label: string;
  readonly targets: readonly GoTarget[];
  readonly surface: Surface;
  /** Whether Tab stops here. */
  readonly reached: boolean;
}

export function GoToMenu({ label, targets, surface, reached }: GoToMenuProps) {
  return (
    <MenuTrigger>
      <Button
        className={styles.goButton ?? ""}
        aria-label={`Go to the ${label} as an address`}
        excludeFromTabOrder={!reached}
      >
        <ForwardIcon size={14} aria-hidden />
      </Button>
      <Popover className={styles.menu ?? ""} placement="bottom end">
        <Menu aria-label="Go to" onAction={(key) => void go(String(key), surface)}>
          {targets.map(({ expression, label: text }) => (
            <MenuItem key={expression} id={expression} className={styles.item ?? ""}>
              {text}
            </MenuItem>
          ))}
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}

async function go(expression: string, surface: Surface): Promise<void> {
  const { say } = useView.getState();
  const result = evaluateHere(expression, surface);
  if (!result.ok) {
    say(`${expression}: ${result.message}`);
    return;
  }
  const done = await jump(expression, result.target, surface);
  if (!done) say(`${hex(result.target.offset)} can't be shown in this view`);
}
