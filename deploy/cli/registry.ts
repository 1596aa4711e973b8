// `wattlog station|token|tariff|location add|list|show|import|remove`. Reads look into the log; writes go through REST,
// so that both ways pass the same checks.
import { readFileSync } from "node:fs";

import { trusted } from "../../core/ids/ids.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import { sourceOf, withRegistry } from "../roles/source.ts";
import { exitCodes, flag, textOption, WrongUse, type Invocation, type Run } from "./command.ts";
import { parseCsv } from "./csv.ts";
import { entities, typed, type Doc, type Entity } from "./entities.ts";
import { printJson, printTable, Progress, say } from "./output.ts";
import { problemOf, withRest, type RestClient } from "./rest-client.ts";

type Action = (invocation: Invocation, entity: Entity, name: string) => Promise<number>;

const actions: Readonly<Record<string, Action>> = { add, list, show, import: importFile, remove };

export function registryCommand(name: string): Run {
  return (invocation) => {
    const entity = entities[name]!;
    const [word] = invocation.positionals;
    const action = word === undefined ? undefined : actions[word];
    if (!action)
      throw new WrongUse(`wattlog ${name} ${Object.keys(actions).join("|")}; \`wattlog ${name} --help\` says more.`);
    return action(invocation, entity, name);
  };
}

function idOf({ positionals }: Invocation, name: string): string {
  const id = positionals[1];
  if (id === undefined || id === "") throw new WrongUse(`Which ${name}? \`wattlog ${name} ${positionals[0]} ID\`.`);
  return id;
}

async function add(invocation: Invocation, entity: Entity, name: string): Promise<number> {
  const file = textOption(invocation, "file");
  const doc = file === undefined ? fromFields(invocation, entity, idOf(invocation, name)) : oneOf(readJson(file), file);
  const answer = await withRest(invocation.settings, (rest) => rest.request("POST", entity.path, doc));
  if (answer.status >= 300) return failed(problemOf(answer));
  if (flag(invocation, "json")) printJson(answer.body);
  else say(`${name} ${String(doc[entity.idField])} ${answer.status === 201 ? "added" : "changed"}.`);
  return exitCodes.done;
}

function fromFields(invocation: Invocation, entity: Entity, id: string): Doc {
  const given = invocation.values["field"] as unknown as readonly string[] | undefined;
  const fields = (given ?? []).map((text) => {
    const at = text.indexOf("=");
    if (at < 1) throw new WrongUse(`--field wants NAME=VALUE, not ${text}.`);
    return [text.slice(0, at), text.slice(at + 1)] as const;
  });
  const password = textOption(invocation, "password");
  const named = password === undefined ? {} : { password };
  return typed({ ...entity.defaults(id), ...Object.fromEntries(fields), ...named }, entity.types);
}

async function list(invocation: Invocation, entity: Entity): Promise<number> {
  const docs = await docsOf(invocation, entity);
  if (flag(invocation, "json")) printJson(docs);
  else printTable(docs, entity.columns);
  return exitCodes.done;
}

function docsOf({ settings }: Invocation, entity: Entity): Promise<readonly Doc[]> {
  const party = trusted.party(settings.party);
  return withRegistry(sourceOf(settings), (registry) =>
    [...registry.ids(party, entity.kind)].sort().flatMap((id) => {
      const found = registry.find(party, entity.kind, id);
      return found ? [shown(found.doc)] : [];
    }),
  );
}

/** What proves a password is no more for printing than the password. */
function shown(doc: object): Doc {
  const { password, previousPassword: _previous, ...rest } = doc as { password?: unknown; previousPassword?: unknown };
  return password === undefined ? rest : { ...rest, password: "***" };
}

async function show(invocation: Invocation, entity: Entity, name: string): Promise<number> {
  const id = idOf(invocation, name);
  const party = trusted.party(invocation.settings.party);
  const found = await withRegistry(sourceOf(invocation.settings), (registry) =>
    registry.find(party, entity.kind, entity.keyOf(id)),
  );
  if (!found) return failed(`There is no ${name} ${id} in the registry.`);
  const doc = shown(found.doc);
  if (flag(invocation, "json")) printJson(doc);
  else process.stdout.write(`${JSON.stringify(doc, undefined, 2)}\n`);
  return exitCodes.done;
}

async function remove(invocation: Invocation, entity: Entity, name: string): Promise<number> {
  const id = idOf(invocation, name);
  const answer = await withRest(invocation.settings, (rest) =>
    rest.request("DELETE", `${entity.path}/${encodeURIComponent(id)}`),
  );
  if (answer.status >= 300) return failed(problemOf(answer));
  if (flag(invocation, "json")) printJson({ [entity.idField]: id, removed: true });
  else say(`${name} ${id} removed.`);
  return exitCodes.done;
}

interface Import {
  /** Line of the file, or number within its list. */
  readonly line: number;
  readonly id: string;
  readonly result: "added" | "changed" | "failed";
  readonly reason: string | null;
}

async function importFile(invocation: Invocation, entity: Entity, name: string): Promise<number> {
  const file = invocation.positionals[1] ?? textOption(invocation, "file");
  if (file === undefined) throw new WrongUse(`Which file? \`wattlog ${name} import FILE\` takes CSV or JSON.`);
  const docs = readDocs(file, entity);
  if (docs.length === 0) return failed(`${file} holds no ${name}.`);
  const progress = new Progress();
  const report = await withRest(invocation.settings, (rest) => importAll(rest, entity, docs, progress)).finally(() =>
    progress.clear(),
  );
  const count = (result: Import["result"]) => report.filter((row) => row.result === result).length;
  if (flag(invocation, "json"))
    printJson({ added: count("added"), changed: count("changed"), failed: count("failed"), rows: report });
  else {
    const problems = report.filter((row) => row.result === "failed");
    if (problems.length > 0)
      printTable(problems, { line: (row) => row.line, [entity.idField]: (row) => row.id, reason: (row) => row.reason });
    say(`${count("added")} added, ${count("changed")} changed, ${count("failed")} failed, of ${report.length}.`);
  }
  return count("failed") === 0 ? exitCodes.done : exitCodes.failed;
}

interface Placed {
  readonly line: number;
  /** A sentence where the line is no document. */
  readonly doc: Doc | string;
}

/** Several at once, so that their records share a sync of the log. */
const atOnce = 32;

async function importAll(
  rest: RestClient,
  entity: Entity,
  docs: readonly Placed[],
  progress: Progress,
): Promise<readonly Import[]> {
  const report: Import[] = [];
  for (let at = 0; at < docs.length; at += atOnce) {
    report.push(...(await Promise.all(docs.slice(at, at + atOnce).map((placed) => importOne(rest, entity, placed)))));
    progress.show(`${report.length} of ${docs.length}`);
  }
  return report;
}

async function importOne(rest: RestClient, entity: Entity, { line, doc }: Placed): Promise<Import> {
  if (typeof doc === "string") return { line, id: "", result: "failed", reason: doc };
  const given = doc[entity.idField];
  const id = typeof given === "string" ? given : "";
  try {
    const answer = await rest.request("POST", entity.path, doc);
    if (answer.status >= 300) return { line, id, result: "failed", reason: problemOf(answer) };
    return { line, id, result: answer.status === 201 ? "added" : "changed", reason: null };
  } catch (error) {
    return { line, id, result: "failed", reason: messageOf(error) };
  }
}

function readDocs(file: string, entity: Entity): readonly Placed[] {
  const text = readText(file);
  if (/^\uFEFF?\s*[[{]/.test(text)) {
    const value = parseJson(text, file);
    return (Array.isArray(value) ? value : [value]).map((doc: unknown, at) => ({
      line: at + 1,
      doc: isDoc(doc) ? doc : "It is not an object.",
    }));
  }
  const lines = parseCsv(text);
  if (!lines.some(({ row }) => entity.idField in row)) {
    if (lines.length === 0) return [];
    throw new WrongUse(`${file} has no column ${entity.idField}; its first line must name the columns.`);
  }
  const groups = [...Map.groupBy(lines, ({ row }) => row[entity.idField] ?? "").values()];
  // Lines of one id are one document only where an entity can have several; elsewhere each is its own.
  const several = entity.kind === "location" ? groups : lines.map((one) => [one]);
  return several.map((group) => ({
    line: group[0]!.line,
    doc: docOf(
      entity,
      group.map(({ row }) => row),
    ),
  }));
}

function docOf(entity: Entity, rows: readonly Readonly<Record<string, string>>[]): Doc | string {
  try {
    return entity.fromCsv(rows)[0] ?? "It is empty.";
  } catch (error) {
    if (error instanceof WrongUse) return error.message;
    throw error;
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new WrongUse(`${file} cannot be read: ${messageOf(error)}.`);
  }
}

function readJson(file: string): unknown {
  return parseJson(readText(file), file);
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, "")) as unknown;
  } catch (error) {
    throw new WrongUse(`${file} is not JSON: ${messageOf(error)}.`);
  }
}

function oneOf(value: unknown, file: string): Doc {
  if (isDoc(value)) return value;
  throw new WrongUse(`${file} does not hold one object; \`import\` takes a list.`);
}

function isDoc(value: unknown): value is Doc {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function failed(sentence: string): number {
  say(sentence);
  return exitCodes.failed;
}
