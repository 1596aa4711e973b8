// `wattlog quarantine list|show|redrive|release`: what could not be folded.
import type { QuarantineRow } from "../../core/store/tables.ts";
import { sourceOf, withStore } from "../roles/source.ts";
import { exitCodes, flag, WrongUse, type Invocation, type Run } from "./command.ts";
import { printJson, printTable, say } from "./output.ts";
import { problemOf, withRest } from "./rest-client.ts";

const actions: Readonly<Record<string, (invocation: Invocation) => Promise<number>>> = {
  list,
  show,
  redrive: (invocation) => end(invocation, "redrive"),
  release: (invocation) => end(invocation, "release"),
};

export const runQuarantine: Run = (invocation) => {
  const [word] = invocation.positionals;
  const action = word === undefined ? undefined : actions[word];
  if (!action) throw new WrongUse(`wattlog quarantine ${Object.keys(actions).join("|")}.`);
  return action(invocation);
};

function idOf({ positionals }: Invocation): string {
  const id = positionals[1];
  if (id === undefined)
    throw new WrongUse(`Which one? \`wattlog quarantine ${positionals[0]} ID\`; \`wattlog quarantine list\` has them.`);
  return id;
}

function rowsOf({ settings }: Invocation, id?: string): Promise<readonly QuarantineRow[]> {
  return withStore(sourceOf(settings), (store) => {
    const all = store.reader.selectFrom("live_quarantine").selectAll().where("party", "=", settings.party);
    return (id === undefined ? all : all.where("id", "=", id)).orderBy("log_time").orderBy("id").execute();
  });
}

function shown(row: QuarantineRow) {
  return {
    id: row.id,
    stage: row.stage,
    stationId: row.station,
    partition: row.partition,
    offset: row.record_offset,
    transactionKey: row.transaction_key,
    reason: row.reason,
    bytesBase64: Buffer.from(row.bytes).toString("base64"),
    state: row.state,
    time: new Date(row.log_time).toISOString(),
  };
}

async function list(invocation: Invocation): Promise<number> {
  const rows = (await rowsOf(invocation)).map(shown);
  if (flag(invocation, "json")) printJson(rows);
  else {
    printTable(rows, {
      id: (row) => row.id,
      time: (row) => row.time,
      station: (row) => row.stationId,
      stage: (row) => row.stage,
      state: (row) => row.state,
      reason: (row) => row.reason,
    });
  }
  return exitCodes.done;
}

async function show(invocation: Invocation): Promise<number> {
  const id = idOf(invocation);
  const [row] = await rowsOf(invocation, id);
  if (!row) {
    say(`There is nothing in quarantine with the id ${id}.`);
    return exitCodes.failed;
  }
  if (flag(invocation, "json")) printJson(shown(row));
  else process.stdout.write(`${JSON.stringify(shown(row), undefined, 2)}\n`);
  return exitCodes.done;
}

async function end(invocation: Invocation, how: "redrive" | "release"): Promise<number> {
  const id = idOf(invocation);
  const answer = await withRest(invocation.settings, (rest) =>
    rest.request("POST", `/api/v1/quarantine/${encodeURIComponent(id)}/${how}`),
  );
  if (answer.status >= 300) {
    say(problemOf(answer));
    return exitCodes.failed;
  }
  if (flag(invocation, "json")) printJson(answer.body);
  else say(`${how} of ${id} is in the log; the fold acts on it as it comes to it.`);
  return exitCodes.done;
}
