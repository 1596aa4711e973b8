// `wattlog quarantine list|show|redrive|release`: what could not be folded.
import type { QuarantineRow } from "../../core/store/tables.ts";
import { parkedBehind, quarantineOf, type QuarantineFilter } from "../../projections/rest/quarantine-rows.ts";
import { sourceOf, withStore } from "../roles/source.ts";
import { exitCodes, flag, textOption, WrongUse, type Invocation, type Run } from "./command.ts";
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

interface Found {
  readonly row: QuarantineRow;
  /** Later records that wait behind it. */
  readonly parked: number;
}

function rowsOf(invocation: Invocation, id?: string): Promise<readonly Found[]> {
  const { settings } = invocation;
  return withStore(sourceOf(settings), async ({ reader }) => {
    const all = quarantineOf(reader, settings.party, filterOf(invocation));
    const rows = await (id === undefined ? all : all.where("id", "=", id)).orderBy("log_time").orderBy("id").execute();
    const held = rows.filter((row) => row.until_offset === null && row.transaction_key !== null);
    const parked = await parkedBehind(
      reader,
      held.map((row) => row.id),
    );
    return rows.map((row) => ({ row, parked: parked.get(row.id) ?? 0 }));
  });
}

function filterOf(invocation: Invocation): QuarantineFilter {
  const [station, stage, reason] = ["station", "stage", "reason"].map((name) => textOption(invocation, name));
  return {
    ...(station !== undefined && { station }),
    ...(stage !== undefined && { stage }),
    ...(reason !== undefined && { reason }),
  };
}

function shown({ row, parked }: Found) {
  return {
    id: row.id,
    stage: row.stage,
    stationId: row.station,
    partition: row.partition,
    offset: row.record_offset,
    transactionKey: row.transaction_key,
    parked,
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
      parked: (row) => row.parked,
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
  const filter = filterOf(invocation);
  const isBulk = flag(invocation, "all") || Object.keys(filter).length > 0;
  if (isBulk && invocation.positionals[1] !== undefined) {
    throw new WrongUse("One by its ID, or those that --stage, --station, --reason or --all name; not both.");
  }
  return isBulk ? endMany(invocation, how, filter) : endOne(invocation, how);
}

async function endOne(invocation: Invocation, how: "redrive" | "release"): Promise<number> {
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

async function endMany(invocation: Invocation, how: "redrive" | "release", filter: QuarantineFilter): Promise<number> {
  let requested = 0;
  const failure = await withRest(invocation.settings, async (rest) => {
    for (let cursor: unknown; ;) {
      const body = {
        ...filter,
        ...(flag(invocation, "all") && { all: true }),
        ...(cursor !== undefined && { cursor }),
      };
      const answer = await rest.request("POST", `/api/v1/quarantine/${how}`, body);
      if (answer.status >= 300) return problemOf(answer);
      requested += Number(answer.body["requested"]);
      cursor = answer.body["nextCursor"];
      if (cursor === undefined) return undefined;
    }
  });
  if (flag(invocation, "json")) printJson({ requested });
  else say(`${how} of ${requested} records is in the log; the fold acts on them as it comes to them.`);
  if (failure === undefined) return exitCodes.done;
  say(failure);
  return exitCodes.failed;
}
