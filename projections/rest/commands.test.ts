import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

import type { BusMessage } from "../../core/bus/bus.ts";
import { commandIdOf, newConnectionId, newNodeId, trusted } from "../../core/ids/ids.ts";
import { limits } from "../../core/config/limits.ts";
import { decodeRecord, encodeRecord } from "../../core/records/codec.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { WattlogError } from "../../core/runtime/errors.ts";
import { openSqliteStore } from "../../core/store/store-sqlite.ts";
import { worldAdapters } from "../../test/harness/world-adapters.ts";
import type { Projector } from "../models/projector.ts";
import { StationWriter } from "../testing/events.ts";
import { callAs, framesIn } from "../testing/client.ts";
import { adminToken, party, until, World } from "../testing/world.ts";
import type { Api } from "./api.ts";

let world: World;
let projector: Projector;
let api: Api;
/** What a processor concludes of CP-A. */
const cpA = new StationWriter("CP-A");

beforeAll(async () => {
  world = await World.open({ ...worldAdapters, openStore: openSqliteStore });
  projector = await world.project();
  api = await world.serve(projector);
  const [a, b] = [cpA, new StationWriter("CP-B")];
  const bad = new StationWriter("CP-XSS");
  await world.appendEvents([
    a.online(),
    a.booted("Alfen", "Eve Single"),
    a.status(1, "Charging"),
    a.status(2, "Faulted", "GroundFailure"),
    ...a.session("RFID-1", 12_345_678, 4),
    ...a.session("RFID-2", 1_000_001, 2),
    ...a.session("RFID-3", 500_000, 1, true),
    ...a.command("Reset", "accepted"),
    b.online("ocpp2.0.1"),
    b.event({ kind: "stationOffline", connectionId: newConnectionId(), reason: "byStation" }),
    bad.online(),
    bad.booted("<img src=x onerror=alert(1)>", "=1+1"),
  ]);
  await world.caughtUp(projector);
});
afterAll(() => world.close());

type CallArguments = Parameters<typeof callAs> extends [Api, ...infer Rest] ? Rest : never;
const call = (...rest: CallArguments) => callAs(api, ...rest);
const get = (url: string) => call("GET", url);
const framesOf = (station: string) => framesIn(world, station);

describe("commands", () => {
  const connectionId = newConnectionId();
  const gateway = newNodeId();
  const station = trusted.station("CP-A");
  const claim = {
    party,
    station,
    connectionId,
    nodeId: gateway,
    epoch: { generation: 1, offset: 0 },
    protocol: "ocpp1.6",
  } as const;
  const woken: Extract<BusMessage, { type: "command" }>[] = [];

  /** The fold has found the first request of a key. */
  async function folded(key: string, action: string, payload = "{}"): Promise<void> {
    const commandId = commandIdOf(party, station, key);
    const origin = { via: "rest", actor: "somebody" } as const;
    const deadline = Date.now() + 30_000;
    await world.appendEvents([
      cpA.event({ kind: "commandRequested", commandId, connectionId, action, payload, deadline, origin }),
    ]);
  }

  it("are checked against the station's schema, with the path of what is wrong", async () => {
    expect((await call("POST", "/api/v1/stations/CP-A/commands", { action: "Fly", payload: {} })).body).toMatchObject({
      status: 422,
      path: "/action",
    });
    expect((await call("POST", "/api/v1/stations/CP-A/commands", { action: "Heartbeat", payload: {} })).status).toBe(
      422,
    );
    const wrong = await call("POST", "/api/v1/stations/CP-A/commands", {
      action: "Reset",
      payload: { type: "Medium" },
    });
    expect(wrong.body).toMatchObject({ status: 422, path: "/payload/type" });
    expect(
      (await call("POST", "/api/v1/stations/nobody/commands", { action: "Reset", payload: { type: "Soft" } })).status,
    ).toBe(404);
    expect(await framesOf("CP-A")).toEqual([]);
  });

  it("end at once where nobody holds the station: both records stand side by side", async () => {
    const answer = await call("POST", "/api/v1/stations/CP-A/commands", { action: "Reset", payload: { type: "Soft" } });
    expect([answer.status, answer.body]).toEqual([
      202,
      expect.objectContaining({ status: "done", outcome: "not_connected" }),
    ]);
    const frames = await framesOf("CP-A");
    expect(frames.map(({ kind }) => kind)).toEqual(["commandRequested", "commandEnded"]);
    expect(frames.map(({ source }) => source)).toEqual([world.nodeId, world.nodeId]);
    expect((await get(`/api/v1/commands/${String(answer.body["id"])}`)).body).toMatchObject({
      status: "done",
      outcome: "not_connected",
      payload: { type: "Soft" },
    });
    expect(frames[1]!.sequence).toBe(frames[0]!.sequence + 1);
    expect(frames[0]).toMatchObject({
      connectionId: expect.any(String) as string,
      origin: { via: "rest", actor: "admin" },
    });
  });

  it("wake the owner after the record is durable, and wait for the outcome in log time (C3, C4)", async () => {
    await world.bus.claim(claim);
    await world.bus.listen(gateway, (message) => {
      if (message.type !== "command") return;
      woken.push(message);
      if (!message.replyTo) return;
      const status = message.action === "UnlockConnector" ? "UnlockFailed" : "Accepted";
      const frame = Buffer.from(`[3,"${message.commandId}",{"status":"${status}"}]`);
      const late = message.action === "ClearCache" ? message.deadline + 1 : message.deadline;
      void world.bus.send(message.replyTo, {
        type: "commandProgress",
        commandId: message.commandId,
        state: { at: "result", frame, logTime: late },
      });
    });
    const answer = await call("POST", "/api/v1/stations/CP-A/commands?wait=5", {
      action: "Reset",
      payload: { type: "Hard" },
    });
    expect(answer.body).toMatchObject({
      status: "done",
      outcome: "accepted",
      response: expect.stringContaining('"Accepted"') as string,
    });
    expect(woken[0]).toMatchObject({ connectionId, action: "Reset", replyTo: world.nodeId });
    const record = (await framesOf("CP-A")).at(-1)!;
    expect(record).toMatchObject({
      kind: "commandRequested",
      commandId: answer.body["id"],
      connectionId,
      timeoutMs: 30_000,
    });
    const asked = vi.spyOn(world.store.reader, "selectFrom");
    const refused = await call("POST", "/api/v1/stations/CP-A/commands?wait=5", {
      action: "UnlockConnector",
      payload: { connectorId: 1 },
    });
    expect(refused.body["outcome"]).toBe("rejected");
    // What the bus knows is not asked of the store: a command waits for no read.
    const tables = asked.mock.calls.map(([table]) => table);
    asked.mockRestore();
    expect(tables.filter((table) => table === "live_station" || table === "live_command")).toEqual([]);
    const late = await call("POST", "/api/v1/stations/CP-A/commands?wait=0.5", { action: "ClearCache", payload: {} });
    expect(late.body).toMatchObject({ status: "requested", outcome: null });
  });

  it("are handed to the owner by the log where it listens there, and so is the result to whoever waits (C1, C4)", async () => {
    const { log } = world;
    const before = woken.length;
    const handed: FrameRecord[] = [];
    const end = log.listen!(gateway, ({ partition, records: [record] }) => {
      const asked = decodeRecord(record!.value);
      handed.push(asked);
      if (asked.kind !== "commandRequested" || asked.replyTo === null) return;
      const { commandId, replyTo } = asked;
      const frame = Buffer.from(`[3,"${commandId}",{"status":"Accepted"}]`);
      const value = encodeRecord({ ...asked, kind: "commandResult", commandId, connectionId, frame });
      void log.append(log.topics.frames, partition, [{ key: record!.key, value, tell: replyTo }]);
    });
    const unlock = { action: "Reset", payload: { type: "Hard" } };
    const answer = await call("POST", "/api/v1/stations/CP-A/commands?wait=5", unlock);
    expect(answer.body).toMatchObject({ status: "done", outcome: "accepted" });
    expect(handed).toMatchObject([{ kind: "commandRequested", commandId: answer.body["id"], connectionId }]);
    // Of a caller's key the fold says first which request counts.
    const keyed = { ...unlock, idempotencyKey: "nightly-log" };
    await call("POST", "/api/v1/stations/CP-A/commands?wait=0.2", keyed);
    expect(handed).toHaveLength(1);
    end();
    expect(woken).toHaveLength(before);
  });

  it("with the same key are the same command, woken by the processor and not by the api (C1)", async () => {
    const before = woken.length;
    const body = { action: "ClearCache", idempotencyKey: "nightly-1" };
    const [first] = await Promise.all([
      call("POST", "/api/v1/stations/CP-A/commands", body),
      sleep(50).then(() => folded("nightly-1", "ClearCache")),
    ]);
    const second = await call("POST", "/api/v1/stations/CP-A/commands", body);
    expect(first.body["id"]).toBe(commandIdOf(party, station, "nightly-1"));
    expect(second.body["id"]).toBe(first.body["id"]);
    expect(woken.length).toBe(before);
    await world.bus.release(claim);
    // Offline meanwhile: the repeat must not end the first, which may have been sent.
    expect((await call("POST", "/api/v1/stations/CP-A/commands", body)).body["outcome"]).toBeNull();
    const ids = (await framesOf("CP-A"))
      .filter((record) => record.kind === "commandEnded")
      .map((record) => "commandId" in record && record.commandId);
    expect(ids).not.toContain(first.body["id"]);
  });

  it("a key whose first attempt the log did not take is a new attempt", async () => {
    const append = vi.spyOn(world.log, "append").mockRejectedValueOnce(new WattlogError("log/unavailable", "away"));
    const body = { action: "ClearCache", idempotencyKey: "nightly-2" };
    const refused = await call("POST", "/api/v1/stations/CP-A/commands", body);
    append.mockRestore();
    expect([refused.status, refused.headers["retry-after"]]).toEqual([503, "2"]);
    const [both] = await Promise.all([
      Promise.all([1, 2].map(() => call("POST", "/api/v1/stations/CP-A/commands", body))),
      sleep(50).then(() => folded("nightly-2", "ClearCache")),
    ]);
    expect(both.map(({ status }) => status)).toEqual([202, 202]);
    const id = commandIdOf(party, station, "nightly-2");
    const requested = (await framesOf("CP-A")).filter((r) => r.kind === "commandRequested" && r.commandId === id);
    expect(requested).toHaveLength(1);
  });

  it("of a key are not called not_connected before the fold has said which request was first (C1, C4)", async () => {
    const body = { action: "ClearCache", idempotencyKey: "nightly-3" };
    const answer = await call("POST", "/api/v1/stations/CP-A/commands", body);
    expect(answer.body).toMatchObject({ status: "requested", outcome: null });
    expect((await framesOf("CP-A")).at(-1)).toMatchObject({ kind: "commandEnded", outcome: "not_connected" });
    // Bound to the last connection, the processor would wake a node that holds it still: sent, beside this end.
    expect((await framesOf("CP-A")).at(-2)).toMatchObject({ kind: "commandRequested", connectionId: null });
  });

  it("of a key that names another command are refused, also where that one came through another api (C1)", async () => {
    const unlock = (connectorId: number, more: object = {}) => ({
      action: "UnlockConnector",
      payload: { connectorId },
      idempotencyKey: "nightly-4",
      ...more,
    });
    const post = (body: object, query = "") => call("POST", `/api/v1/stations/CP-A/commands${query}`, body);
    const refusal = { status: 422, path: "/idempotencyKey" };
    // Ours is durable before the fold says that another one was first: with and without a wait.
    const [plain, waiting] = await Promise.all([
      post(unlock(2)),
      post(unlock(2), "?wait=5"),
      sleep(100).then(() => folded("nightly-4", "UnlockConnector", '{"connectorId":1}')),
    ]);
    expect([plain.body, waiting.body]).toMatchObject([refusal, refusal]);
    expect((await post(unlock(3))).body).toMatchObject(refusal);
    expect((await post({ ...unlock(1), action: "ClearCache", payload: {} })).body).toMatchObject(refusal);
    expect(await post(unlock(1))).toMatchObject({
      status: 202,
      body: { id: commandIdOf(party, station, "nightly-4") },
    });
  });

  it("of a key that names another command are not given its outcome, however fast a gateway tells it", async () => {
    const ask = (connectorId: number) =>
      call("POST", "/api/v1/stations/CP-A/commands?wait=5", {
        action: "UnlockConnector",
        payload: { connectorId },
        idempotencyKey: "nightly-5",
      });
    await world.bus.claim(claim);
    const commandId = commandIdOf(party, station, "nightly-5");
    const first = ask(1);
    await until(async () => (await framesOf("CP-A")).some((r) => "commandId" in r && r.commandId === commandId));
    const second = ask(2);
    await sleep(100);
    const state = { at: "ended", outcome: "expired" } as const;
    // Again and again: whoever does not wait for it yet does not hear it.
    const tell = () => world.bus.send(world.nodeId, { type: "commandProgress", commandId, state });
    const telling = setInterval(() => void tell(), 50);
    const [won, lost] = await Promise.all([first, second]).finally(() => clearInterval(telling));
    expect(lost.body).toMatchObject({ status: 422, path: "/idempotencyKey" });
    expect(won.body).toMatchObject({ status: "done", outcome: "expired" });
    await world.bus.release(claim);
  });

  it("larger than what a station takes are refused: its socket would be closed over it", async () => {
    const payload = { vendorId: "V", data: "x".repeat(limits.commandPayloadMaxChars) };
    const answer = await call("POST", "/api/v1/stations/CP-A/commands", { action: "DataTransfer", payload });
    expect(answer.body).toMatchObject({ status: 422, path: "/payload" });
  });

  it("wait for a connection only into the future", async () => {
    const queueUntil = new Date(Date.now() + 60_000).toISOString();
    const queued = await call("POST", "/api/v1/stations/CP-B/commands", {
      action: "Reset",
      payload: { type: "OnIdle" },
      queueUntil,
    });
    expect(queued.body).toMatchObject({ status: "requested", outcome: null });
    expect((await framesOf("CP-B")).at(-1)).toMatchObject({
      connectionId: null,
      queueUntil: Date.parse(queueUntil),
      protocol: "ocpp2.0.1",
    });
    const past = { action: "Reset", payload: { type: "OnIdle" }, queueUntil: "2020-01-01T00:00:00Z" };
    expect((await call("POST", "/api/v1/stations/CP-B/commands", past)).body).toMatchObject({
      status: 422,
      path: "/queueUntil",
    });
  });

  it("can be read afterwards", async () => {
    const { items } = (await get("/api/v1/commands?station=CP-A&status=done")).body;
    expect(items).toMatchObject([{ action: "Reset", status: "done", outcome: "accepted", payload: { type: "Soft" } }]);
    expect((await get(`/api/v1/commands/${String(items[0]!["id"])}`)).body["response"]).toMatch(/^\[3,/);
    expect((await get("/api/v1/commands/6f1d2c1e-6a0f-5c3e-9b1a-000000000000")).status).toBe(404);
  });
});

it("a poll finds what a projector elsewhere committed, and the stream shows it", async () => {
  const second = await world.serve(undefined, newNodeId());
  const events = await stream(second.port(), "/api/v1/live?station=CP-LIVE");
  const writer = new StationWriter("CP-LIVE");
  await until(() => events.text().includes("hello"));
  // The feed looks where the projector stands before it can see it move.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  await world.appendEvents([writer.online(), ...writer.session("LIVE", 1_000, 1, true)]);
  // Unknown until the projector has shown it.
  const asked = () => call("POST", "/api/v1/stations/CP-LIVE/commands", { action: "ClearCache" });
  await until(async () => (await asked()).status === 202);
  await until(() => /event: status[\s\S]*event: session/.test(events.text()) && events.text().includes("event: frame"));
  expect(events.text()).toContain('"id":"CP-LIVE"');
  expect(events.text()).toContain('"kind":"commandEnded"');
  events.close();
});

async function stream(port: number, path: string) {
  const abort = new AbortController();
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    headers: { authorization: `Bearer ${adminToken}` },
    signal: abort.signal,
  });
  let text = "";
  const decoder = new TextDecoder();
  void (async () => {
    for await (const chunk of response.body!) text += decoder.decode(chunk as Uint8Array, { stream: true });
  })().catch(() => undefined);
  return { text: () => text, close: () => abort.abort() };
}
