// The search of a log for the first state that fails. A command comes from the page as a line of text: it is parsed here,
// shown by main as it will run, and started only when the person agrees there. Neither a log nor a file name reaches it.
import { BlockError } from "../../../core/base/errors.ts";
import { commandFor, commandLine, commandOf, commandText } from "../../../core/ops/commandWords.ts";
import type { LogBisectParams } from "../../../core/ops/logBisectRun.ts";
import { checkedFormats } from "../../../core/registry.ts";
import type { Context } from "../../context.ts";
import type { Handler, Parsed } from "../handle.ts";
import { baseSpec } from "./logs.ts";

type BisectRequest = Parsed<"job:logBisect">;

export const start: Handler<"job:logBisect"> = async (request, context) => {
  const { jobs, desktop } = context;
  refuseTogether(request);
  refuseFormat(request.judge);
  const params = paramsOf(request, context);
  const { judge } = params;
  const { name } = context.session.fileOf(request.image);
  if (judge.kind === "command") {
    const { words, shell } = judge.command;
    // By a shell the program is the shell: what is shown is what runs.
    const line = shell ? commandLine(commandFor(judge.command, "{}")) : commandText({ words, shell });
    if (!(await desktop.askToRun(line, name))) {
      throw new BlockError("ECANCELED", "The command was not run");
    }
    // The page that asked may be gone by now, and its images with it.
    context.session.fileOf(request.image);
  }
  return { job: jobs.run("logBisect", `Bisect of ${name}`, params) };
};

function paramsOf(request: BisectRequest, { session }: Pick<Context, "session">): LogBisectParams {
  const { image, size, range, at, search, all, refine, judge } = request;
  return {
    log: { driver: "file", filename: session.fileOf(image).path },
    base: baseSpec(request, session),
    size,
    range,
    at,
    search,
    all,
    refine,
    judge:
      judge.kind === "check"
        ? judge
        : { kind: "command", command: commandOf(judge.line, judge.shell, judge.seconds * 1000) },
  };
}

function refuseFormat(judge: BisectRequest["judge"]): void {
  if (judge.kind === "command" || checkedFormats.includes(judge.format)) return;
  throw new BlockError("EINVAL", `No format with a check is named '${judge.format}'`);
}

/** What the command line refuses as well. */
function refuseTogether({ at, search, all, refine, range }: BisectRequest): void {
  const isSample = typeof at === "object";
  if (isSample && (search === "binary" || refine)) {
    throw new BlockError("EINVAL", "Reordered states have no order to be halved or refined");
  }
  if (all && search === "binary") {
    throw new BlockError("EINVAL", "A search by halves does not go on behind the first state that fails");
  }
  if (range !== undefined && range.first >= range.end) {
    throw new BlockError("EINVAL", "The first entry of the range is behind its last one");
  }
}
