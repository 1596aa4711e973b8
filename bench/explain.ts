// What it takes to explain a session: GET /api/v1/sessions/{id}/explain of sessions with 2 000 meter values each, out of a log in
// which other stations' frames lie between, on the embedded log and store.
import { setTimeout as pause } from "node:timers/promises";

import { EmbeddedBusHub } from "../core/bus/bus-embedded.ts";
import { newNodeId } from "../core/ids/ids.ts";
import { EmbeddedLogServer } from "../core/log/log-embedded-server.ts";
import { EmbeddedLog } from "../core/log/log-embedded.ts";
import { makeTopics, type EventLog } from "../core/log/log.ts";
import { encodeChange } from "../core/records/registry-change.ts";
import type { EntityDocs, EntityKind } from "../core/registry/entities.ts";
import { RegistryView } from "../core/registry/view.ts";
import { systemClock } from "../core/runtime/clock.ts";
import { createLogger } from "../core/runtime/logger.ts";
import { createMetrics } from "../core/runtime/metrics.ts";
import { openSqliteStore } from "../core/store/store-sqlite.ts";
import { createExplainer } from "../processors/explain/explain.ts";
import { createProcessor } from "../processors/processor.ts";
import { createProjector } from "../projections/models/projector.ts";
import { createApi } from "../projections/rest/api.ts";
import type { ShownExplanation } from "../projections/rest/explain-format.ts";
import { fill, party } from "./load/record-writer.ts";
import { median } from "./load/samples.ts";
import { atMost, figure, InvalidRun, type Outcome } from "./report.ts";

const goalMs = 200;
const framesASession = 2_000;
const stations = 10;
const rounds = 3;
const foldTimeoutMs = 120_000;
const adminToken = "admin-token-of-the-benchmark";
const registry = { generation: 1, offset: 2 };

export async function explain(folder: string): Promise<Outcome> {
  const topics = makeTopics(1, 1);
  const server = await EmbeddedLogServer.start({ folder, topics });
  const log = EmbeddedLog.attach({ port: server.connect(), folder, topics });
  await tariffIn(log);
  await fill(log, framesASession * stations, stations, { registry });
  const view = new RegistryView(log);
  await view.start();
  const store = openSqliteStore(folder, { turnMs: 4 });
  await store.migrate();
  const shared = { log, store, registry: view, clock: systemClock, metrics: createMetrics() };
  const logger = createLogger("explain", "error");
  const [bus, nodeId] = [new EmbeddedBusHub().client(), newNodeId()];
  const roles = [createProcessor({ ...shared, bus, nodeId, logger }), createProjector({ ...shared, logger })];
  for (const role of roles) await role.start();
  const options = { host: "127.0.0.1", port: 0, party };
  const explainer = createExplainer({ log, store, registry: view });
  const api = createApi({ ...shared, bus, nodeId, logger, options, adminToken, explainer });
  try {
    const sessions = await folded(store);
    for (const role of roles) await role.stop();
    return await measured(api.app, sessions);
  } finally {
    await api.stop();
    await view.stop();
    await store.close();
    await log.close();
    await server.close();
  }
}

async function tariffIn(log: EventLog): Promise<void> {
  const put = async <Kind extends EntityKind>(entity: Kind, id: string, doc: EntityDocs[Kind]) => {
    const change = { party, keyId: null, changeId: id, entity, id, expectedVersion: null, doc, at: 0, actor: "bench" };
    await log.append(log.topics.registry, 0, [{ key: id, value: encodeChange(change) }]);
  };
  const element = (price: number, max?: number) => ({
    price_components: [{ type: "ENERGY" as const, price, vat: 19, step_size: 1 }],
    ...(max === undefined ? {} : { restrictions: { max_kwh: max } }),
  });
  await put("tariff", "T", { id: "T", currency: "EUR", elements: [element(0.5, 1), element(0.25)] });
  await put("setting", "defaultTariffId", { id: "defaultTariffId", value: "T" });
}

/** @returns ids of the sessions, once every reading is projected. */
async function folded({ reader }: Pick<ReturnType<typeof openSqliteStore>, "reader">): Promise<readonly string[]> {
  const until = Date.now() + foldTimeoutMs;
  while (Date.now() < until) {
    const { rows } = await reader
      .selectFrom("live_meter_value")
      .select((eb) => eb.fn.countAll<number>().as("rows"))
      .executeTakeFirstOrThrow();
    if (rows >= framesASession * stations) {
      const found = await reader.selectFrom("live_session").select("id").execute();
      return found.map(({ id }) => id);
    }
    await pause(100);
  }
  throw new InvalidRun("The sessions were not folded in time.");
}

type App = ReturnType<typeof createApi>["app"];

async function measured(app: App, sessions: readonly string[]): Promise<Outcome> {
  const get = (path: string) =>
    app.inject({ method: "GET", url: path, headers: { authorization: `Bearer ${adminToken}` } });
  const took = { explain: [] as number[], pdf: [] as number[], cpu: [] as number[], first: 0, bytes: 0 };
  for (let round = 0; round < rounds; round++) {
    for (const id of sessions) {
      const started = performance.now();
      const before = process.cpuUsage();
      const answer = await get(`/api/v1/sessions/${id}/explain`);
      const ms = performance.now() - started;
      const { user, system } = process.cpuUsage(before);
      if (answer.statusCode !== 200) throw new InvalidRun(`An explanation was answered ${answer.body}`);
      const e = answer.json<ShownExplanation>();
      const accepted = e.readings.filter((reading) => reading.accepted).length;
      if (!e.agrees || e.total === null || accepted < framesASession) {
        throw new InvalidRun(`An explanation is not whole: ${accepted} readings accepted, ${e.differences.join(" ")}`);
      }
      took.bytes = answer.rawPayload.length;
      if (took.first === 0) took.first = ms;
      else {
        took.explain.push(ms);
        took.cpu.push((user + system) / 1_000);
      }
    }
  }
  for (const id of sessions.slice(0, rounds)) {
    const started = performance.now();
    const answer = await get(`/api/v1/sessions/${id}/explain.pdf`);
    if (answer.statusCode !== 200) throw new InvalidRun(`A PDF was answered with ${answer.statusCode}.`);
    took.pdf.push(performance.now() - started);
  }
  return {
    goals: [
      atMost("a session of 2 000 meter values explained, median", goalMs, median(took.explain), "ms", took.explain),
      atMost("the slowest of them", goalMs, Math.max(...took.explain), "ms", []),
    ],
    figures: [
      figure("CPU of it, all threads", median(took.cpu), "ms"),
      figure("the first after the start", took.first, "ms"),
      figure("its JSON", took.bytes / 1_024, "KiB"),
      figure("as PDF", median(took.pdf), "ms"),
    ],
  };
}
