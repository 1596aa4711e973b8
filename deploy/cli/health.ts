// `wattlog health …`: uptimes, starts, idle connectors and faults of a period as table, CSV or JSON; what operators excluded.
import { once } from "node:events";

import { trusted, type PartyId } from "../../core/ids/ids.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { faultTrends } from "../../projections/health/faults.ts";
import { idleConnectors } from "../../projections/health/idle.ts";
import { startsBy, type StartsBy } from "../../projections/health/starts.ts";
import {
  groupings,
  type Grouping,
  type GroupFilter,
  type HealthNeeds,
} from "../../projections/health/station-groups.ts";
import { added, noUptime, type Uptime } from "../../projections/health/uptime.ts";
import { uptimesByGroup, uptimesByStation, type Question } from "../../projections/health/uptime-report.ts";
import { csvLine, plainText } from "../../projections/rest/csv.ts";
import { showMember, showUptime } from "../../projections/rest/health-format.ts";
import { showFault, showIdle, showStarts } from "../../projections/rest/routes-health-rates.ts";
import { sourceOf, withStore } from "../roles/source.ts";
import {
  exitCodes,
  flag,
  numberOption,
  requiredOption,
  textOption,
  WrongUse,
  type Invocation,
  type Run,
} from "./command.ts";
import { printJson, printTable, say, type Cell } from "./output.ts";
import { periodOf } from "./period.ts";
import { problemOf, withRest } from "./rest-client.ts";

const actions: Readonly<Record<string, Run>> = { uptime, starts, idle, faults, exclusions, exclude, include };

export const runHealth: Run = (invocation) => {
  const [word] = invocation.positionals;
  const action = word === undefined ? undefined : actions[word];
  if (!action) throw new WrongUse(`wattlog health ${Object.keys(actions).join("|")}.`);
  return action(invocation);
};

const dayMs = 24 * 3_600_000;
const grouped: readonly string[] = groupings;

async function uptime(invocation: Invocation): Promise<number> {
  const by = oneOf(invocation, "by", ["port", "connector", "station", "fleet", ...groupings], "port");
  const question = questionOf(invocation);
  const rows = await withTables(invocation, async (needs) => {
    if (by === "fleet" || grouped.includes(by)) {
      const groups = await uptimesByGroup(needs, question, by as Grouping | "fleet");
      return [...groups].map(([group, sum]) => ({ group, ...showUptime(sum) }));
    }
    const found: object[] = [];
    for await (const { station, member, ports } of uptimesByStation(
      needs,
      question,
      by === "connector" ? by : "evse",
    )) {
      const of = { stationId: station, ...showMember(member) };
      if (by === "station") found.push({ ...of, ...showUptime(ports.reduce<Uptime>(added, noUptime)) });
      else
        for (const port of ports)
          found.push({ ...of, evseId: port.evseId, connectorId: port.connectorId, ...showUptime(port) });
    }
    return found;
  });
  return print(invocation, rows);
}

async function starts(invocation: Invocation): Promise<number> {
  const by = oneOf(invocation, "by", ["fleet", "station", ...groupings], "fleet") as StartsBy;
  const groups = await withTables(invocation, (needs) => startsBy(needs, questionOf(invocation), by));
  return print(
    invocation,
    [...groups].map(([group, counted]) => ({ group, ...showStarts(counted) })),
  );
}

async function idle(invocation: Invocation): Promise<number> {
  const since = Date.now() - numberOption(invocation, "days", 7, 1, 3_650) * dayMs;
  const rows = await withTables(invocation, async (needs) => {
    const found: object[] = [];
    const question = { party: partyOf(invocation), filter: filterOf(invocation), since };
    for await (const row of idleConnectors(needs, question)) found.push(showIdle(row));
    return found;
  });
  return print(invocation, rows);
}

async function faults(invocation: Invocation): Promise<number> {
  const rows = await withTables(invocation, (needs) => faultTrends(needs, questionOf(invocation)));
  return print(invocation, rows.map(showFault));
}

function exclusions(invocation: Invocation): Promise<number> {
  return withRest(invocation.settings, async (rest) => {
    const items: object[] = [];
    let cursor = "";
    do {
      const answer = await rest.request("GET", `/api/v1/health/exclusions?limit=1000${cursor}`);
      if (answer.status !== 200) return failed(problemOf(answer));
      items.push(...(answer.body["items"] as object[]));
      const next = answer.body["nextCursor"];
      cursor = typeof next === "string" ? `&cursor=${next}` : "";
    } while (cursor !== "");
    return print(invocation, items);
  });
}

function exclude(invocation: Invocation): Promise<number> {
  const { station, ...groups } = filterOf(invocation);
  const evse = numberOption(invocation, "evse", 0, 1, 1_000_000);
  const appliesTo = {
    ...groups,
    ...(station !== undefined && { stations: station.split(",") }),
    ...(evse > 0 && { evseId: evse }),
  };
  const { from, to } = periodOf(invocation);
  const body = {
    cause: requiredOption(invocation, "cause"),
    why: requiredOption(invocation, "why"),
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    appliesTo,
  };
  return withRest(invocation.settings, async (rest) => {
    const answer = await rest.request("POST", "/api/v1/health/exclusions", body);
    if (answer.status >= 300) return failed(problemOf(answer));
    if (flag(invocation, "json")) printJson(answer.body);
    else say(`Excluded as ${String(answer.body["id"])}.`);
    return exitCodes.done;
  });
}

function include(invocation: Invocation): Promise<number> {
  const [, id] = invocation.positionals;
  if (id === undefined)
    throw new WrongUse("Which one? `wattlog health include ID`; `wattlog health exclusions` lists them.");
  return withRest(invocation.settings, async (rest) => {
    const answer = await rest.request("DELETE", `/api/v1/health/exclusions/${encodeURIComponent(id)}`);
    if (answer.status >= 300) return failed(problemOf(answer));
    say(`${id} is withdrawn; the registry keeps who entered it.`);
    return exitCodes.done;
  });
}

function failed(sentence: string): number {
  say(sentence);
  return exitCodes.failed;
}

async function withTables<T>({ settings }: Invocation, work: (needs: HealthNeeds) => Promise<T>): Promise<T> {
  const log = await sourceOf(settings).openLog();
  const registry = new RegistryView(log);
  try {
    await registry.start();
    return await withStore(sourceOf(settings), (store) => work({ store, registry }));
  } finally {
    await registry.stop();
    await log.close();
  }
}

function questionOf(invocation: Invocation): Question {
  const { from, to } = periodOf(invocation);
  return {
    party: partyOf(invocation),
    period: { from, to: Math.max(from, Math.min(to, Date.now())) },
    filter: filterOf(invocation),
  };
}

function partyOf({ settings }: Invocation): PartyId {
  return trusted.party(settings.party);
}

function filterOf(invocation: Invocation): GroupFilter {
  const options = {
    station: "station",
    vendor: "vendor",
    model: "model",
    locationId: "location",
    carrier: "carrier",
    siteGroup: "group",
  } as const;
  const given = Object.entries(options).flatMap(([name, option]) => {
    const value = textOption(invocation, option);
    return value === undefined ? [] : [[name, value]];
  });
  return Object.fromEntries(given) as GroupFilter;
}

function oneOf(invocation: Invocation, name: string, words: readonly string[], otherwise: string): string {
  const word = textOption(invocation, name) ?? otherwise;
  if (!words.includes(word)) throw new WrongUse(`--${name} is one of ${words.join(", ")}, not ${word}.`);
  return word;
}

/** What is within a row stands in columns of its own, e.g. `nevi.percent`. */
function flat(row: object, prefix = ""): Record<string, Cell> {
  const cells: Record<string, Cell> = {};
  for (const [name, value] of Object.entries(row) as [string, unknown][]) {
    if (Array.isArray(value)) cells[prefix + name] = value.join(" ");
    else if (typeof value === "object" && value !== null) Object.assign(cells, flat(value, `${prefix}${name}.`));
    else cells[prefix + name] = typeof value === "boolean" ? String(value) : (value as Cell);
  }
  return cells;
}

async function print(invocation: Invocation, rows: readonly object[]): Promise<number> {
  const format = oneOf(invocation, "format", ["table", "csv"], "table");
  if (flag(invocation, "json")) {
    printJson(rows);
    return exitCodes.done;
  }
  const lines = rows.map((row) => flat(row));
  const names = [...new Set(lines.flatMap((line) => Object.keys(line)))];
  if (format === "table") {
    printTable(lines, Object.fromEntries(names.map((name) => [name, (line: Record<string, Cell>) => line[name]])));
    return exitCodes.done;
  }
  const safe = (cell: Cell) => (typeof cell === "string" ? plainText(cell) : (cell ?? null));
  const all = [csvLine(names), ...lines.map((line) => csvLine(names.map((name) => safe(line[name]))))];
  if (!process.stdout.write(all.join(""))) await once(process.stdout, "drain");
  return exitCodes.done;
}
