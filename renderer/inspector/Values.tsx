// The table of values: one line each, two where the sides of a comparison differ. Unsigned integers can be gone
// to as guest offset, file offset or sector.
import { Button, Menu, MenuItem, MenuTrigger, Popover } from "react-aria-components";
import { evaluateHere, jump } from "../goto/jumps.ts";
import type { Surface } from "../store/surface.ts";
import { useView } from "../store/view.ts";
import { hex } from "../widgets/format.ts";
import { ForwardIcon } from "../widgets/icons.ts";
import type { Decoded } from "./decode.ts";
import styles from "./Inspector.module.css";

interface Side {
  readonly now: readonly Decoded[];
  /** The same in the other byte order. */
  readonly swapped: readonly Decoded[];
}
interface ValuesProps {
  readonly surface: Surface;
  readonly little: boolean;
  readonly a: Side;
  readonly b: Side | undefined;
}

export function Values({ surface, little, a, b }: ValuesProps) {
  const own = surface.side === "b" && b ? b : a;
  return (
    <table className={styles.values}>
      <caption className="visually-hidden">Values at the caret</caption>
      <tbody>
        {a.now.map((value, index) => {
          const other = b?.now[index];
          // What can't be read on one side is not a difference.
          const differs = other?.text !== undefined && value.text !== undefined && other.text !== value.text;
          const shown = own.now[index];
          return (
            <tr key={value.id} data-differs={differs || undefined}>
              <th scope="row">{value.label}</th>
              <td className="number selectable" title={tip(little, own, index)}>
                {differs ? <Both a={value} b={other} /> : (shown?.text ?? "–")}
              </td>
              <td className={styles.go}>
                {shown?.place !== undefined && shown.place > 0n && value.id !== "u8" && (
                  <GoTo label={value.label} place={shown.place} surface={surface} />
                )}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function Both({ a, b }: { a: Decoded; b: Decoded }) {
  return (
    <>
      <SideValue side="A" value={a} />
      <SideValue side="B" value={b} />
    </>
  );
}

function SideValue({ side, value }: { side: string; value: Decoded }) {
  return (
    <div className={styles.side}>
      <b>{side}</b>
      <span>{value.text ?? "–"}</span>
    </div>
  );
}

/** Both byte orders, and the number in hex. */
function tip(little: boolean, { now, swapped }: Side, index: number): string | undefined {
  const [value, other] = [now[index], swapped[index]];
  if (value?.text === undefined) return "Not enough readable bytes from here on";
  const show = ({ text, place }: Decoded) =>
    place === undefined ? text : `${text} (0x${place.toString(16)})`;
  if (!value.ordered || !other) return show(value);
  const [le, be] = little ? [value, other] : [other, value];
  return `Little-endian: ${show(le)}\nBig-endian: ${show(be)}`;
}

interface GoToProps {
  readonly label: string;
  readonly place: bigint;
  readonly surface: Surface;
}

function GoTo({ label, place, surface }: GoToProps) {
  const text = `0x${place.toString(16)}`;
  const sector = place * 512n;
  const { size, fileSize, format } = surface.image;
  const inGuest = surface.space === "guest" ? surface.extent : size;
  const targets = [
    { id: `guest:${text}`, label: `Guest offset ${text}`, allowed: place < BigInt(inGuest) },
    {
      id: `file:${text}`,
      label: `File offset ${text}`,
      allowed: format !== "raw" && surface.side === undefined && place < BigInt(fileSize),
    },
    {
      id: `${surface.space}:s:${place}`,
      label: `Sector ${place.toLocaleString("en-US")} (0x${sector.toString(16)})`,
      allowed: sector < BigInt(surface.extent),
    },
  ];
  return (
    <MenuTrigger>
      <Button className={styles.goButton ?? ""} aria-label={`Go to the ${label} as an address`}>
        <ForwardIcon size={12} aria-hidden />
      </Button>
      <Popover className={styles.menu ?? ""} placement="bottom end">
        <Menu
          aria-label={`Go to ${text}`}
          disabledKeys={targets.filter(({ allowed }) => !allowed).map(({ id }) => id)}
          onAction={(key) => go(String(key), surface)}
        >
          {targets.map((target) => (
            <MenuItem key={target.id} id={target.id} className={styles.item ?? ""}>
              {target.label}
            </MenuItem>
          ))}
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}

function go(expression: string, surface: Surface): void {
  const { say } = useView.getState();
  const result = evaluateHere(expression, surface);
  if (!result.ok) {
    say(`${expression}: ${result.message}`);
    return;
  }
  void jump(expression, result.target, surface).then((done) => {
    if (!done) say(`${hex(result.target.offset)} can't be shown in this view`);
  });
}
