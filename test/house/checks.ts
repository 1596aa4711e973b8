// The house rules that a linter cannot express, each a function over parsed files, so that it can be proven on planted
// ones. A check says how many things it looked at: a check that looked at nothing proves nothing.
import { posix } from "node:path";
import type { Parsed, Reference, Source } from "./sources.ts";

export interface CheckResult {
  /** How many things were looked at. */
  readonly checked: number;
  /** One sentence each, with file and line. */
  readonly problems: readonly string[];
}

/** What each zone may import besides itself. The longest matching prefix counts. */
const MAY_IMPORT: readonly { readonly zone: string; readonly from: readonly string[] }[] = [
  { zone: "core", from: [] },
  { zone: "gateway", from: ["core"] },
  { zone: "processors", from: ["core"] },
  { zone: "projections", from: ["core"] },
  { zone: "deploy", from: ["core", "gateway", "processors", "projections", "bench", "tools"] },
  { zone: "bench/fleet", from: [] },
];

/** What a test beside the code may import on top. */
const TESTS_MAY_IMPORT = ["test", "tools", "bench"];

/** Third-party clients that are replaceable because one product file knows each. */
export const SINGLE_FILE_CLIENTS = [
  "uWebSockets.js",
  "kafkajs",
  "@platformatic/kafka",
  "ioredis",
  "@aws-sdk/client-s3",
  "pg",
  "@msgpack/msgpack",
  "prom-client",
  "pino",
] as const;

const ADAPTER = /-(?:embedded|kafka|platformatic|redis|sqlite|postgres|s3)\.ts$/;
const ADAPTER_PICKERS = ["deploy/roles/", "bench/", "test/"];
const DEFAULT_EXPORT_ALLOWED = [/\.config\.ts$/, /^bench\/k6\//];
const UNFINISHED = /\b(?:TODO|FIXME|XXX|HACK)\b/;
const README_MIN_CHARS = 80;
const README_MAX_DEPTH = 2;

export const MAX_FILE_LINES = 450;

export function isTest(path: string): boolean {
  return /\.(test|contract|test-helper)\.ts$/.test(path) || path.startsWith("test/");
}

const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

const at = (file: Source, line: number): string => `${file.path}:${line}`;

/** Imports between the folders go only the allowed way. Zones that have files, and no import at all, are a problem. */
export function checkLayers(files: readonly Parsed[]): CheckResult {
  let checked = 0;
  const problems: string[] = [];
  for (const file of files) {
    const rule = MAY_IMPORT.filter(({ zone }) => isWithin(file.path, zone)).toSorted(byLongestZone)[0];
    if (rule === undefined) continue;
    const allowed = [rule.zone, ...rule.from, ...(isTest(file.path) ? TESTS_MAY_IMPORT : [])];
    for (const reference of file.references) {
      checked++;
      if (!reference.relative) {
        if (reference.target === "wattlog") problems.push(`${at(file, reference.line)} imports wattlog by name`);
      } else if (!isGenerated(reference) && !allowed.some((folder) => isWithin(reference.target, folder))) {
        problems.push(
          `${at(file, reference.line)} imports ${reference.target}; ${rule.zone} may import ${allowed.join(", ")}`,
        );
      }
    }
  }
  return { checked, problems };
}

const byLongestZone = (a: { zone: string }, b: { zone: string }): number => b.zone.length - a.zone.length;

/** build/ holds what tools/prepare.ts made; it is nobody's folder. */
const isGenerated = ({ target }: Reference): boolean => isWithin(target, "build");

/** Each of the clients is named in at most one product file. */
export function checkSingleFileClients(files: readonly Parsed[]): CheckResult {
  const namedIn = new Map<string, Set<string>>(SINGLE_FILE_CLIENTS.map((client) => [client, new Set()]));
  let checked = 0;
  for (const file of files) {
    if (isTest(file.path) || file.path.startsWith("bench/") || file.path.startsWith("tools/")) continue;
    for (const reference of file.references) {
      checked++;
      if (!reference.relative) namedIn.get(reference.target)?.add(file.path);
    }
  }
  const problems = [...namedIn]
    .filter(([, paths]) => paths.size > 1)
    .map(([client, paths]) => `${client} is named in ${paths.size} files: ${[...paths].join(", ")}`);
  return { checked, problems };
}

/** Adapters of a port are chosen by composition roots; others know the port. Files beside an adapter may share with it. */
export function checkAdapterChoice(files: readonly Parsed[]): CheckResult {
  let checked = 0;
  const problems: string[] = [];
  for (const file of files) {
    const free = isTest(file.path) || ADAPTER_PICKERS.some((prefix) => file.path.startsWith(prefix));
    for (const reference of file.references) {
      checked++;
      if (free || !reference.relative || !ADAPTER.test(reference.target)) continue;
      if (posix.dirname(reference.target) === posix.dirname(file.path)) continue;
      problems.push(`${at(file, reference.line)} picks the adapter ${reference.target}; only deploy/roles may`);
    }
  }
  return { checked, problems };
}

export function checkDefaultExports(files: readonly Parsed[]): CheckResult {
  const problems = files
    .filter((file) => file.hasDefaultExport && !DEFAULT_EXPORT_ALLOWED.some((allowed) => allowed.test(file.path)))
    .map((file) => `${file.path} has a default export`);
  return { checked: files.length, problems };
}

export function checkUnfinished(files: readonly Parsed[]): CheckResult {
  const problems = files.flatMap((file) =>
    file.comments
      .filter(({ text }) => UNFINISHED.test(text))
      .map(({ text, line }) => `${at(file, line)} is unfinished: ${text.trim().slice(0, 80)}`),
  );
  return { checked: files.length, problems };
}

const RUNS_AT_ONCE = /\.concurrent\b|\bonEachSystemAtOnce\(|\buseCases\(/;
const POLLS = /\bexpect\s*\.poll\(/;

/** `expect.poll` asks which test runs, and where several do at once the answer is now and then: none. */
export function checkPolls(files: readonly Source[]): CheckResult {
  const tests = files.filter(({ path, text }) => isTest(path) && RUNS_AT_ONCE.test(text));
  const problems = tests
    .filter(({ text }) => POLLS.test(text))
    .map(({ path }) => `${path} polls where tests run at once; use lastAnswer() or eventually()`);
  return { checked: tests.length, problems };
}

/** A test is skipped only while it runs, with `context.skip("needs …")`, so that the reason is printed and counted. */
export function checkTestModifiers(files: readonly Parsed[]): CheckResult {
  const tests = files.filter((file) => isTest(file.path));
  const problems = tests.flatMap((file) =>
    file.testModifiers.map(
      ({ call, line }) => `${at(file, line)} uses ${call}; call context.skip("needs …") inside the test`,
    ),
  );
  return { checked: tests.length, problems };
}

/** @param reasons by path, why a file may be longer; a reason for a file that is short or gone is a problem too */
export function checkFileLengths(files: readonly Source[], reasons: Readonly<Record<string, string>>): CheckResult {
  const problems: string[] = [];
  const excused = new Set(Object.keys(reasons));
  for (const { path, text } of files) {
    const lines = text.split("\n").length - 1;
    if (lines <= MAX_FILE_LINES) continue;
    if (!excused.delete(path)) problems.push(`${path} has ${lines} lines, more than ${MAX_FILE_LINES}`);
  }
  for (const path of excused) problems.push(`${path} no longer needs its reason to be long`);
  return { checked: files.length, problems };
}

/** Every folder with TypeScript in it, two levels deep, has a README.md that says what the room is for. */
export function checkReadmes(files: readonly Source[], readme: (folder: string) => string | undefined): CheckResult {
  const folders = new Set(files.map(({ path }) => posix.dirname(path)));
  const near = [...folders].filter((folder) => folder.split("/").length <= README_MAX_DEPTH).toSorted();
  const problems = near.flatMap((folder) => {
    const text = readme(folder);
    if (text === undefined) return [`${folder}/README.md is missing`];
    return text.trim().length < README_MIN_CHARS ? [`${folder}/README.md says next to nothing`] : [];
  });
  return { checked: near.length, problems };
}
