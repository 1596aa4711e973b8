// `wattlog station|token|tariff|location|meter-keys add|list|show|import|remove`. Reads look into the log; writes go through REST,
// so that both ways pass the same checks.
import { readFileSync } from "node:fs";

import { trusted } from "../../core/ids/ids.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import { sourceOf, withRegistry } from "../roles/source.ts";
import { exitCodes, flag, textOption, WrongUse, type Invocation, type Run } from "./command.ts";
import { entities, typed, type Doc, type Entity } from "./entities.ts";
import { isDoc, parseJson } from "./import-rows.ts";
import { importFile } from "./import.ts";
import { printJson, printTable, say } from "./output.ts";
import { problemOf, withRest } from "./rest-client.ts";

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

function oneOf(value: unknown, file: string): Doc {
  if (isDoc(value)) return value;
  throw new WrongUse(`${file} does not hold one object; \`import\` takes a list.`);
}

function failed(sentence: string): number {
  say(sentence);
  return exitCodes.failed;
}
