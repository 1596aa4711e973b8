// The build stage of the Dockerfile without an engine: its files, as .dockerignore lets them in, and its own steps, in an
// empty folder. The final stage is not run: it changes the machine's own /usr/local.
import { cpSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, matchesGlob, relative } from "node:path";

import { run } from "../../tools/servers/install.ts";
import { projectRoot } from "../harness/paths.ts";

interface Step {
  readonly word: string;
  readonly rest: string;
}

/** Of the stage named `build`; lines that go on are joined, comments left out. */
export function buildSteps(dockerfile: string): readonly Step[] {
  const lines = dockerfile
    .split("\n")
    .filter((line) => !line.trimStart().startsWith("#"))
    .join("\n")
    .replace(/\\\n\s*/g, " ")
    .split("\n")
    .filter((line) => line.trim() !== "");
  const from = lines.findIndex((line) => /^FROM .* AS build$/.test(line));
  const to = lines.findIndex((line, at) => at > from && line.startsWith("FROM "));
  return lines.slice(from + 1, to).map((line) => {
    const [word = "", ...rest] = line.split(" ");
    return { word, rest: rest.join(" ") };
  });
}

/** Whether a file gets into the build, by the last pattern that fits it or a folder above it. */
export function isInContext(file: string, patterns: readonly string[]): boolean {
  const fits = (pattern: string): boolean => matchesGlob(file, pattern) || matchesGlob(file, `${pattern}/**`);
  const last = patterns.findLast((pattern) => fits(pattern.replace(/^!/, "")));
  return last === undefined || last.startsWith("!");
}

export function ignorePatterns(): readonly string[] {
  const lines = readFileSync(join(projectRoot, ".dockerignore"), "utf8").split("\n");
  return lines.filter((line) => line.trim() !== "" && !line.startsWith("#"));
}

/** @returns files below, relative to the project */
function filesOf(path: string): string[] {
  const absolute = join(projectRoot, path);
  const entries = readdirSync(absolute, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(projectRoot, join(entry.parentPath, entry.name)));
}

/** @returns what was copied, relative to the project */
function copy(sources: readonly string[], into: string): readonly string[] {
  const patterns = ignorePatterns();
  const files = sources.flatMap((source) => (/\.\w+$|^\.npmrc$/.test(source) ? [source] : filesOf(source)));
  const wanted = files.filter((file) => isInContext(file, patterns));
  for (const file of wanted) {
    mkdirSync(dirname(join(into, file)), { recursive: true });
    cpSync(join(projectRoot, file), join(into, file));
  }
  return wanted;
}

export interface Built {
  readonly copied: readonly string[];
  readonly ran: readonly string[];
}

/**
 * @param node the folder of the Node that the steps find first, as the base image's
 * @throws Error with the words of the step that failed, or one that is not understood here
 */
export async function build(folder: string, node: string): Promise<Built> {
  const copied: string[] = [];
  const ran: string[] = [];
  for (const { word, rest } of buildSteps(readFileSync(join(projectRoot, "Dockerfile"), "utf8"))) {
    if (word === "WORKDIR") continue;
    if (word === "COPY") {
      const paths = rest.split(" ");
      const to = paths.pop()!;
      if (to !== "./" && to !== paths[0]) throw new Error(`COPY ${rest} puts files elsewhere than they are here`);
      copied.push(...copy(paths, folder));
    } else if (word === "RUN") {
      const env = { ...process.env, PATH: `${node}:${process.env["PATH"]}` };
      const { code, output } = await run("sh", ["-e", "-c", rest], { cwd: folder, env });
      if (code !== 0) throw new Error(`RUN ${rest}\nended with ${code}: ${output}`);
      ran.push(rest);
    } else throw new Error(`${word} is not understood here`);
  }
  return { copied, ran };
}
