// /api/v1/status: one look at the whole: counts, nodes, and how far every fold has come.
import type { FastifyInstance } from "fastify";

import type { Topic } from "../../core/log/log.ts";
import type { ApiOptions } from "./context.ts";
import { time } from "./format.ts";
import { principalOf } from "./guard.ts";
import type { Principal } from "./principal.ts";
import { answers } from "./schemas.ts";
import { countStations } from "./stations.ts";

export function installStatus(app: FastifyInstance, context: ApiOptions): void {
  app.get("/api/v1/status", {
    config: { role: "viewer" },
    schema: {
      tags: ["Status"],
      summary: "Counts, nodes, positions and lag",
      response: answers({ 200: { type: "object", additionalProperties: true } }, 503),
    },
    handler: async (request) => {
      const principal = principalOf(request);
      return {
        version: context.options.version ?? null,
        party: principal.party,
        role: principal.role,
        time: time(context.clock.now()),
        wsUrl: context.options.wsUrl ?? null,
        nodeId: context.nodeId,
        nodes: await context.bus.nodes().catch(() => []),
        stations: await stationCounts(context, principal),
        sessions: await sessionCounts(context, principal),
        quarantined: await quarantineCount(context, principal),
        positions: await positions(context),
        projector: context.projector?.readiness() ?? null,
      };
    },
  });
}

async function stationCounts({ store, registry }: ApiOptions, { party }: Principal) {
  const rows = await store.reader
    .selectFrom("live_station")
    .select(({ fn }) => ["online", fn.countAll<number | string>().as("count")])
    .where("party", "=", party)
    .groupBy("online")
    .execute();
  const count = (online: number) => Number(rows.find((row) => row.online === online)?.count ?? 0);
  return { ...countStations(registry, party), online: count(1), offline: count(0) };
}

async function sessionCounts({ store }: ApiOptions, { party }: Principal) {
  const rows = await store.reader
    .selectFrom("live_session")
    .select(({ fn }) => [
      "status",
      fn.countAll<number | string>().as("count"),
      fn.sum<number | string>("energy_mwh").as("energy"),
    ])
    .where("party", "=", party)
    .groupBy("status")
    .execute();
  const of = (status: string) => rows.find((row) => row.status === status);
  const energyMwh = rows.reduce((sum, row) => sum + Number(row.energy), 0);
  return {
    active: Number(of("active")?.count ?? 0),
    completed: Number(of("completed")?.count ?? 0),
    energyWh: energyMwh / 1_000,
  };
}

async function quarantineCount({ store }: ApiOptions, { party }: Principal): Promise<number> {
  const row = await store.reader
    .selectFrom("live_quarantine")
    .select(({ fn }) => fn.countAll<number | string>().as("count"))
    .where("party", "=", party)
    .where("until_offset", "is", null)
    .executeTakeFirst();
  return Number(row?.count ?? 0);
}

async function positions({ log, store }: ApiOptions) {
  const rows = await store.reader.selectFrom("position").selectAll().orderBy("topic").orderBy("partition").execute();
  const topics = new Map<string, Topic>(Object.values(log.topics).map((topic: Topic) => [topic.name, topic]));
  return Promise.all(
    rows.map(async (row) => {
      const topic = topics.get(row.topic);
      const end = topic ? await log.endOffset(topic, row.partition) : row.next;
      return {
        role: row.role,
        topic: row.topic,
        partition: row.partition,
        next: row.next,
        end,
        lag: Math.max(0, end - row.next),
        applied: row.applied,
        skipped: row.skipped,
        quarantined: row.quarantined,
        parked: row.parked,
        tableSet: row.table_set,
        logTime: row.log_time > 0 ? time(row.log_time) : null,
      };
    }),
  );
}
