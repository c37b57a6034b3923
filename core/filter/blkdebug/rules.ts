// The rules of blkdebug: at which steps the state changes, and which requests then fail (filters reference, 4.1, 4.2).

export const ioTypes = ["read", "write", "write-zeroes", "discard", "flush", "block-status"] as const;
export type IoType = (typeof ioTypes)[number];

export interface InjectRule {
  readonly event: string;
  /** 0: in any state. */
  readonly state: number;
  /** The system's number of the error; 0 lets the request pass and hides later rules. */
  readonly errno: number;
  /** Sector of 512 bytes that the request must touch; undefined: any request. */
  readonly sector: number | undefined;
  readonly once: boolean;
  /** Fails before anything else runs, not after it. */
  readonly immediately: boolean;
  /** Default: every type but block-status. */
  readonly iotype: IoType | undefined;
}

export interface StateRule {
  readonly event: string;
  readonly state: number;
  readonly newState: number;
}

const sectorSize = 512;

export class Rules {
  #inject: readonly InjectRule[];
  readonly #states: readonly StateRule[];
  /** In force since the last step that had rules, in the order of their definition. */
  #active: readonly InjectRule[] = [];
  #state = 1;

  constructor(inject: readonly InjectRule[], states: readonly StateRule[]) {
    this.#inject = inject;
    this.#states = states;
  }

  /**
   * A step was reached. Rules are matched against the state before it; of several new states that of the rule defined
   * first is taken, as the peer goes through them from the last to the first. Without a matching inject rule what was
   * in force stays so.
   */
  reach(event: string): void {
    const matches = (rule: { event: string; state: number }) =>
      rule.event === event && (rule.state === 0 || rule.state === this.#state);
    const active = this.#inject.filter(matches);
    const next = this.#states.find(matches);
    if (active.length > 0) this.#active = active;
    if (next !== undefined) this.#state = next.newState;
  }

  /** The rule that makes this request fail, which is gone for good if it was for once. */
  failing(type: IoType, offset: number, length: number): InjectRule | undefined {
    const rule = this.#active.find((one) => fits(one, type, offset, length));
    if (rule === undefined || rule.errno === 0) return undefined;
    if (rule.once) {
      this.#active = this.#active.filter((one) => one !== rule);
      this.#inject = this.#inject.filter((one) => one !== rule);
    }
    return rule;
  }
}

function fits(rule: InjectRule, type: IoType, offset: number, length: number): boolean {
  if (rule.iotype === undefined ? type === "block-status" : rule.iotype !== type) return false;
  if (rule.sector === undefined) return true;
  const at = rule.sector * sectorSize;
  return at >= offset && at < offset + length;
}
