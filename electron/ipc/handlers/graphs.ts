// Calls about graphs that are put together in the app: their forms, their checks, and a token to open each by.
import { BlockError } from "../../../core/base/errors.ts";
import { displayText } from "../../files.ts";
import { checkGraph, driverForms, imageOptsText, jsonText } from "../../graphs.ts";
import type { Handler } from "../handle.ts";

export const drivers: Handler<"graph:drivers"> = () => driverForms();

export const check: Handler<"graph:check"> = ({ options: tree }, { files }) => {
  const { options, problems } = checkGraph(tree, files);
  if (problems.length > 0) return { problems, imageOpts: "", json: "" };
  return { problems, imageOpts: displayText(imageOptsText(options)), json: displayText(jsonText(options)) };
};

export const keep: Handler<"graph:keep"> = ({ options }, { files, graphs }) =>
  graphs.keep(withoutProblems(checkGraph(options, files)));

export const copy: Handler<"graph:copy"> = ({ options: tree, as }, { files, desktop }) => {
  const { options } = withoutProblems(checkGraph(tree, files));
  desktop.copyText(as === "json" ? jsonText(options) : imageOptsText(options));
  return undefined;
};

function withoutProblems(graph: ReturnType<typeof checkGraph>): ReturnType<typeof checkGraph> {
  const [problem] = graph.problems;
  if (problem === undefined) return graph;
  throw new BlockError("EINVAL", `${problem.place.join(".")}: ${problem.message}`);
}
