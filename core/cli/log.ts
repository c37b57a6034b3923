// `blkscope log`: logs of writes in the dm-log-writes format. One command with actions, each in a file of its own that is
// loaded when it is called; options are one table, and an action refuses those it does not take.
import { defineCommand, UsageError } from "./command.ts";
import { bisectOptions, bisectRequest } from "./logBisectOptions.ts";
import { actionHelp, type LogAction, logHelp } from "./logHelp.ts";
import {
  diskSizeOption,
  type LogArguments,
  type LogOptions,
  logOptions,
  numberOption,
  placeOption,
  reading,
  readRequest,
} from "./logOptions.ts";
import { replayOptions, replayRequest } from "./logReplayOptions.ts";
import { takeObjects } from "./objectOption.ts";

interface Action {
  readonly takes: readonly (keyof LogOptions)[];
  /** What follows the action's name, for the message when something else does. */
  readonly operands: readonly string[];
  /** More may follow: the words of a command. */
  readonly takesMore?: true;
  run(args: LogArguments, operands: readonly string[]): Promise<number>;
}

const actions: Readonly<Record<LogAction, Action>> = {
  info: {
    takes: ["recover", ...reading],
    operands: ["LOG"],
    run: async (args, [log = ""]) => (await import("./logInfo.ts")).printInfo(readRequest(args, log)),
  },
  list: {
    takes: ["from", "count", "recover", ...reading],
    operands: ["LOG"],
    run: async (args, [log = ""]) =>
      (await import("./logList.ts")).printList({ ...readRequest(args, log), ...stretch(args) }),
  },
  find: {
    takes: ["from", "count", "recover", ...reading],
    operands: ["LOG", "FILTER"],
    run: async (args, [log = "", filter = ""]) =>
      (await import("./logFind.ts")).printFound({ ...readRequest(args, log), ...stretch(args), filter }),
  },
  history: {
    takes: ["at", "entry", "count", "bytes", "through", "base", "size", "recover", ...reading],
    operands: ["LOG"],
    run: async (args, [log = ""]) =>
      (await import("./logHistory.ts")).printHistory({
        ...readRequest(args, log),
        place: placeOption(args),
        entry: numberOption(args, "entry"),
        count: numberOption(args, "count") ?? Number.POSITIVE_INFINITY,
        bytes: args.has("bytes"),
        through: args.value("through"),
        base: args.value("base"),
        size: diskSizeOption(args),
      }),
  },
  state: {
    takes: ["entry", "lost", "base", "size", "over", "recover", ...reading],
    operands: ["LOG", "OUT"],
    run: async (args, [log = "", out = ""]) =>
      (await import("./logState.ts")).writeState({
        ...readRequest(args, log),
        out,
        entry: numberOption(args, "entry"),
        lost: args.value("lost"),
        base: args.value("base"),
        size: diskSizeOption(args),
        over: args.has("over"),
      }),
  },
  replay: {
    takes: [...replayOptions, ...reading],
    operands: ["LOG"],
    takesMore: true,
    run: async (args, [log = "", target, ...more]) => {
      if (more.length > 0) throw new UsageError(`Expecting log replay LOG TARGET, not '${more[0]}'`);
      const request = replayRequest(args, readRequest(args, log), target);
      return (await import("./logReplay.ts")).replayLog(request);
    },
  },
  bisect: {
    takes: [...bisectOptions, ...reading],
    operands: ["LOG"],
    takesMore: true,
    run: async (args, [log = "", ...words]) => {
      const request = bisectRequest(args, readRequest(args, log), words);
      return (await import("./logBisect.ts")).bisectLog(request);
    },
  },
  stats: {
    takes: ["below", "recover", ...reading],
    operands: ["LOG"],
    run: async (args, [log = ""]) =>
      (await import("./logStats.ts")).printStats({ ...readRequest(args, log), below: args.value("below") }),
  },
  mark: {
    takes: ["overTail", "output", "imageOpts", "object"],
    operands: ["LOG", "TEXT"],
    run: async (args, [log = "", text = ""]) => {
      const { addMark } = await import("./logMark.ts");
      const { imageOpts, json } = readRequest(args, log);
      await addMark({ log, imageOpts, json, text, overTail: args.has("overTail") });
      return 0;
    },
  },
};

export const log = defineCommand({
  ...logHelp,
  options: logOptions,
  failure: 1,
  helpOn([name]) {
    if (name === undefined || !isAction(name)) return undefined;
    const taken = Object.entries(logOptions).filter(([option]) =>
      actions[name].takes.some((one) => one === option),
    );
    return actionHelp(name, Object.fromEntries(taken));
  },
  async run(args) {
    const [name, ...operands] = args.operands;
    const names = Object.keys(actions).join(", ");
    if (name === undefined) throw new UsageError(`Expecting one of ${names}`);
    if (!isAction(name)) throw new UsageError(`log has no '${name}'; expecting one of ${names}`);
    const action = actions[name];
    const other = args.given.find(
      (option) => option.name in logOptions && !action.takes.includes(option.name),
    );
    if (other !== undefined) throw new UsageError(`log ${name} takes no --${logOptions[other.name].long}`);
    if ((await takeObjects(args.values("object"))).helped) return 0;
    const surplus = operands.length - action.operands.length;
    if (surplus < 0 || (surplus > 0 && action.takesMore !== true)) {
      throw new UsageError(`Expecting log ${name} ${action.operands.join(" ")}`);
    }
    return action.run(args, operands);
  },
});

function isAction(name: string): name is LogAction {
  return Object.hasOwn(actions, name);
}

function stretch(args: LogArguments): { readonly from: number; readonly count: number } {
  const from = numberOption(args, "from") ?? 0;
  return { from, count: numberOption(args, "count") ?? Number.POSITIVE_INFINITY };
}
