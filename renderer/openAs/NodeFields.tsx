// The form of one node: its driver, and a field for each of the driver's options; children are forms within it.
import { Fragment, type ReactNode, useId, useRef } from "react";
import type { OptionField, OptionKind } from "../../core/block/optionForm.ts";
import type { DriverForm, FileRef } from "../../electron/ipc/contract.ts";
import { call } from "../api.ts";
import { CloseIcon, NextIcon, PlusIcon, PreviousIcon } from "../widgets/icons.ts";
import {
  type Draft,
  type FileDraft,
  type Forms,
  fieldsOf,
  keyOf,
  type ListDraft,
  member,
  moved,
  type NodeDraft,
  newMember,
  newNode,
  type Place,
  removed,
  text,
  type Values,
  withDriver,
} from "./draft.ts";
import styles from "./openAs.module.css";

interface Common {
  readonly place: Place;
  readonly forms: Forms;
  /** By key of the field or node. */
  readonly problems: ReadonlyMap<string, string>;
  /** Shows what is missing too. */
  readonly tried: boolean;
  onChange(place: Place, value: Draft | undefined): void;
}

interface NodeFieldsProps extends Common {
  readonly node: NodeDraft;
  readonly label: string;
  /** Buttons of the list it is in. */
  readonly actions?: ReactNode;
}

/** The dialog is for choosing what the root is. */
const focusOnce = (select: HTMLSelectElement | null) => select?.focus();

export function NodeFields({ node, label, actions, ...common }: NodeFieldsProps) {
  const { place, forms, problems, tried, onChange } = common;
  const id = useId();
  const problem = tried ? problems.get(keyOf(place)) : undefined;
  return (
    <fieldset className={styles.node} data-depth={place.length === 0 ? "root" : undefined}>
      <legend className="visually-hidden">{label}</legend>
      <div className={styles.row}>
        <label htmlFor={id} className={styles.name} data-node>
          {label}
        </label>
        <span className={styles.control}>
          <select
            id={id}
            className="field"
            ref={place.length === 0 ? focusOnce : undefined}
            value={node.driver}
            data-driver={keyOf(place)}
            aria-describedby={problem === undefined ? undefined : `${id}-problem`}
            aria-invalid={problem !== undefined || undefined}
            data-invalid={problem !== undefined || undefined}
            onChange={(event) => onChange(place, withDriver(node, event.target.value, forms))}
          >
            <option value="">Image file, format detected</option>
            {kinds.map(({ kind, title }) => (
              <optgroup key={kind} label={title}>
                {[...forms.values()].filter((form) => form.kind === kind).map(driverOption)}
              </optgroup>
            ))}
          </select>
          {actions}
        </span>
      </div>
      {problem !== undefined && (
        <p id={`${id}-problem`} className={styles.problem} role="alert">
          {problem}
        </p>
      )}
      <Fields fields={fieldsOf(node, forms)} values={node.values} {...common} />
    </fieldset>
  );
}

const kinds = [
  { kind: "format", title: "Formats" },
  { kind: "filter", title: "Filters" },
  { kind: "protocol", title: "Files and protocols" },
] as const;

const driverOption = ({ name }: DriverForm) => (
  <option key={name} value={name}>
    {name}
  </option>
);

interface FieldsProps extends Common {
  readonly fields: readonly OptionField[];
  readonly values: Values;
}

function Fields({ fields, values, ...common }: FieldsProps) {
  return fields.map((field) => {
    const place = [...common.place, field.name];
    const props = { ...common, place, field, value: values[field.name] };
    if (field.kind === "child") return <ChildField key={field.name} {...props} />;
    if (field.kind === "list") return <ListField key={field.name} {...props} member={field.member} />;
    return <PlainField key={field.name} {...props} />;
  });
}

interface FieldProps extends Common {
  readonly field: OptionField;
  readonly value: Draft | undefined;
}

/** A child that need not be given is added by a button. */
function ChildField({ field, value, ...common }: FieldProps) {
  const { place, forms, onChange } = common;
  if (value?.kind === "node") {
    const remove = field.required ? undefined : (
      <IconButton label={`Remove ${field.name}`} onClick={() => onChange(place, undefined)}>
        <CloseIcon size={14} aria-hidden />
      </IconButton>
    );
    return <NodeFields node={value} label={field.name} actions={remove} {...common} />;
  }
  return (
    <div className={styles.row}>
      <span className={styles.name}>{field.name}</span>
      <span className={styles.control}>
        <button type="button" className="button quiet" onClick={() => onChange(place, newNode("", forms))}>
          <PlusIcon size={14} aria-hidden /> Add {field.name}
        </button>
      </span>
    </div>
  );
}

function ListField({ field, value, member: kind, ...common }: FieldProps & { member: OptionKind }) {
  const { place, forms, problems, tried, onChange } = common;
  const list: ListDraft = value?.kind === "list" ? value : { kind: "list", members: [] };
  const problem = tried ? problems.get(keyOf(place)) : undefined;
  const add = () => {
    onChange(place, { ...list, members: [...list.members, member(newMember(kind, forms))] });
    // The new member is there after the next paint.
    requestAnimationFrame(() => focusMember(keyOf([...place, list.members.length])));
  };
  const addButton = useRef<HTMLButtonElement>(null);
  const remove = (index: number) => {
    // The button that was pressed goes with its member.
    const neighbour = index + 1 < list.members.length ? index + 1 : index - 1;
    if (neighbour >= 0) focusMember(keyOf([...place, neighbour]));
    else addButton.current?.focus();
    onChange(place, removed(list, index));
  };
  return (
    <fieldset className={styles.list} data-list={keyOf(place)}>
      <legend className={styles.name}>{field.name}</legend>
      {field.help !== undefined && <p className={styles.help}>{field.help}</p>}
      {list.members.map(({ key, value: one }, index) => {
        const at = { ...common, place: [...place, index] };
        const name = `${field.name} ${index}`;
        const actions = (
          <MemberButtons
            name={name}
            first={index === 0}
            last={index === list.members.length - 1}
            onMove={(by) => onChange(place, moved(list, index, by))}
            onRemove={() => remove(index)}
          />
        );
        if (one.kind === "node") {
          return <NodeFields key={key} node={one} label={name} actions={actions} {...at} />;
        }
        if (one.kind !== "group" || kind.kind !== "group") return <Fragment key={key} />;
        return (
          <fieldset key={key} className={styles.node}>
            <legend className="visually-hidden">{name}</legend>
            <div className={styles.row}>
              <span className={styles.name}>{name}</span>
              <span className={styles.control}>{actions}</span>
            </div>
            <Fields fields={kind.fields} values={one.values} {...at} />
          </fieldset>
        );
      })}
      {problem !== undefined && (
        <p className={styles.problem} role="alert">
          {problem}
        </p>
      )}
      <button
        ref={addButton}
        type="button"
        className="button quiet"
        data-invalid={problem !== undefined || undefined}
        onClick={add}
      >
        <PlusIcon size={14} aria-hidden /> Add to {field.name}
      </button>
    </fieldset>
  );
}

function focusMember(key: string): void {
  const byDriver = document.querySelector<HTMLElement>(`[data-driver="${CSS.escape(key)}"]`);
  const first = document.querySelector<HTMLElement>(`[data-field^="${CSS.escape(key)}\\."]`);
  (byDriver ?? first)?.focus();
}

interface MemberButtonsProps {
  readonly name: string;
  readonly first: boolean;
  readonly last: boolean;
  onMove(by: 1 | -1): void;
  onRemove(): void;
}

function MemberButtons({ name, first, last, onMove, onRemove }: MemberButtonsProps) {
  return (
    <>
      <IconButton label={`Move ${name} up`} disabled={first} onClick={() => onMove(-1)}>
        <PreviousIcon size={14} aria-hidden />
      </IconButton>
      <IconButton label={`Move ${name} down`} disabled={last} onClick={() => onMove(1)}>
        <NextIcon size={14} aria-hidden />
      </IconButton>
      <IconButton label={`Remove ${name}`} onClick={onRemove}>
        <CloseIcon size={14} aria-hidden />
      </IconButton>
    </>
  );
}

interface IconButtonProps {
  readonly label: string;
  readonly disabled?: boolean;
  readonly children: ReactNode;
  onClick(): void;
}

function IconButton({ label, disabled, children, onClick }: IconButtonProps) {
  return (
    <button
      type="button"
      className="button quiet icon"
      aria-label={label}
      title={label}
      disabled={disabled}
      onClick={onClick}
    >
      {children}
    </button>
  );
}

function PlainField({ field, value, ...common }: FieldProps) {
  const { place, problems, tried } = common;
  const id = useId();
  const key = keyOf(place);
  const given = value !== undefined && !(value.kind === "text" && value.text.trim() === "");
  // A choice is either right or not made: what is typed may be shown wrong at once, what is missing only when tried.
  const problem = tried || given ? problems.get(key) : undefined;
  const described = [
    field.help === undefined ? "" : `${id}-help`,
    problem === undefined ? "" : `${id}-problem`,
  ];
  const control: ControlProps = {
    id,
    "data-field": key,
    "aria-describedby": described.filter(Boolean).join(" ") || undefined,
    "aria-invalid": problem !== undefined || undefined,
    "data-invalid": problem !== undefined || undefined,
  };
  return (
    <div className={styles.row}>
      <label htmlFor={id} className={styles.name}>
        {field.name}
      </label>
      <span className={styles.control}>
        <Control field={field} value={value} control={control} {...common} />
      </span>
      {field.help !== undefined && (
        <p id={`${id}-help`} className={styles.help}>
          {field.help}
        </p>
      )}
      {problem !== undefined && (
        <p id={`${id}-problem`} className={styles.problem} role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

interface ControlProps {
  readonly id: string;
  readonly "data-field": string;
  readonly "aria-describedby": string | undefined;
  readonly "aria-invalid": true | undefined;
  readonly "data-invalid": true | undefined;
}

function Control({ field, value, control, place, onChange }: FieldProps & { control: ControlProps }) {
  const given = value?.kind === "text" ? value.text : "";
  const set = (next: string) => onChange(place, next === "" ? undefined : text(next));
  switch (field.kind) {
    case "file": {
      const file = value?.kind === "file" ? value.file : undefined;
      const clearable = file !== undefined && !field.required;
      return (
        <>
          <FileControl file={file} control={control} onFile={(chosen) => onChange(place, chosen)} />
          {clearable && (
            <IconButton label={`Clear ${field.name}`} onClick={() => onChange(place, undefined)}>
              <CloseIcon size={14} aria-hidden />
            </IconButton>
          )}
        </>
      );
    }
    case "switch":
    case "choice": {
      const values = field.kind === "switch" ? ["on", "off"] : field.values;
      return (
        <select {...control} className="field" value={given} onChange={(event) => set(event.target.value)}>
          <option value="">{usualText(field)}</option>
          {values.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      );
    }
    default:
      return (
        <input
          {...control}
          className="field mono"
          value={given}
          placeholder={placeholderOf(field)}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => set(event.target.value)}
        />
      );
  }
}

function usualText({ default: usual }: OptionField): string {
  if (usual === undefined) return "Not given";
  return `Default: ${usual === true ? "on" : usual === false ? "off" : usual}`;
}

function placeholderOf({ default: usual, kind, required }: OptionField): string {
  if (usual !== undefined && usual !== "") return `Default: ${usual}`;
  if (required) return "";
  return kind === "size" ? "Not given; bytes, 64k, 1G" : "Not given";
}

interface FileControlProps {
  readonly file: FileRef | undefined;
  readonly control: ControlProps;
  onFile(file: FileDraft): void;
}

function FileControl({ file, control, onFile }: FileControlProps) {
  const choose = async () => {
    const chosen = await call("files:choose", { title: "Choose a file", multiple: false }).catch(
      (): readonly FileRef[] => [],
    );
    const [one] = chosen;
    if (one) onFile({ kind: "file", file: one });
  };
  const { "aria-invalid": _invalid, ...named } = control;
  return (
    <button {...named} type="button" className={`button ${styles.file}`} onClick={() => void choose()}>
      {file === undefined ? (
        "Choose a file…"
      ) : (
        <>
          <b>{file.name}</b> <span>{file.folder}</span>
        </>
      )}
    </button>
  );
}
