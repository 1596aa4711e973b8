// Starts, idle connectors and faults by REST, of a fleet whose numbers were counted by hand.
import { afterAll, beforeAll, expect, it } from "vitest";

import type { CommandId } from "../../core/ids/ids.ts";
import type { DomainEvent } from "../../core/records/domain-event.ts";
import { noticeKey } from "../../core/records/station-documents.ts";
import { worldAdapters } from "../../test/harness/world-adapters.ts";
import { callAs } from "../testing/client.ts";
import { StationWriter } from "../testing/events.ts";
import { World } from "../testing/world.ts";
import type { Api } from "./api.ts";

const day = 24 * 3_600_000;
const monday = Date.UTC(2025, 5, 16);
const period = "from=2025-06-16T00:00:00Z&to=2025-06-30T00:00:00Z";
const get = (path: string) => callAs(api, "GET", `/api/v1/health/${path}`);

let world: World;
let api: Api;

function remoteStart(writer: StationWriter, outcome: "accepted" | "rejected" | null, effect?: string): DomainEvent[] {
  const events = writer.command("RemoteStartTransaction", outcome);
  const { commandId } = events[0]!.body as { readonly commandId: CommandId };
  if (outcome === null) {
    return [...events, writer.event({ kind: "commandEnded", commandId, outcome: "timeout", response: null })];
  }
  if (effect === undefined) return events;
  const document = JSON.stringify({ effect, sessionId: null, at: null });
  const change = { collection: "commandEffects", key: commandId, document } as const;
  return [...events, writer.event({ kind: "documentsChanged", changes: [change] })];
}

/** What a 2.x station tells by NotifyEvent, at the log time of the next event. */
function problem(writer: StationWriter, component: string, techCode: string | null): DomainEvent {
  const place = { component, componentInstance: null, evseId: 1, connectorId: 1, variableInstance: null };
  const said = { variable: "Problem", actualValue: "true", trigger: "Delta", cleared: false, techCode };
  const key = noticeKey({ logTime: writer.time + 1_000, offset: 1 });
  const document = JSON.stringify({ ...place, ...said });
  return writer.event({ kind: "documentsChanged", changes: [{ collection: "events", key, document }] });
}

/** Third and fourth week: a fault told with its code before the status, one told after it, and one told too late. */
function fleetOf2x(): DomainEvent[] {
  const [d, e] = ["CP-D", "CP-E"].map((id) => new StationWriter(id, monday + 14 * day)) as [
    StationWriter,
    StationWriter,
  ];
  const events = [d, e].flatMap((writer) => [
    writer.online("ocpp2.0.1"),
    writer.booted("Kempower", "S"),
    problem(writer, "PowerContactor", "E42"),
    writer.status(1, "Faulted"),
    writer.status(1, "Available"),
  ]);
  for (const writer of [d, e]) writer.time += 3_600_000;
  events.push(d.status(1, "Faulted"), problem(d, "ConnectorPlugRetentionLock", null), d.status(1, "Available"));
  events.push(e.status(1, "Faulted"));
  e.time += 3 * 60_000;
  events.push(problem(e, "PowerContactor", "E42"), e.status(1, "Available"));
  return [...events, d.offline(), e.offline()];
}

/** More faults than are read at once, three at every moment. */
function fleetOfFlapping(): DomainEvent[] {
  return ["CP-X", "CP-Y", "CP-Z"].flatMap((id) => {
    const writer = new StationWriter(id, monday + 14 * day);
    const events = [
      writer.online("ocpp2.0.1"),
      writer.booted("Flapping", "F"),
      problem(writer, "PowerContactor", "E7"),
    ];
    for (let flap = 0; flap < 150; flap++) events.push(writer.status(1, "Faulted"), writer.status(1, "Available"));
    return [...events, writer.offline()];
  });
}

function fleet(): DomainEvent[] {
  const [a, b, c] = ["CP-A", "CP-B", "CP-C"].map((id) => new StationWriter(id, monday)) as [
    StationWriter,
    StationWriter,
    StationWriter,
  ];
  const events = [
    // Two sessions with energy, one without, one that has none yet; of five remote starts one began, and one waits.
    a.online(),
    a.booted("Alfen", "Eve"),
    a.status(1, "Available"),
    a.status(2, "Available"),
    ...a.session("RFID-1", 5_000, 1),
    ...a.session("RFID-1", 6_000, 1),
    ...a.session("RFID-1", 0, 1),
    ...a.session("RFID-2", 0, 1, true),
    ...remoteStart(a, "accepted", "started"),
    ...remoteStart(a, "accepted", "not_started"),
    ...remoteStart(a, "accepted"),
    ...remoteStart(a, "rejected"),
    ...remoteStart(a, null),
    ...a.command("Reset", "rejected"),
    // Nobody ever charged here; its second connector is out of order and so not idle.
    b.online(),
    b.booted("Alfen", "Eve"),
    b.status(1, "Available"),
    b.status(2, "Faulted", "GroundFailure"),
    // Offline: known to be away, not idle.
    c.online(),
    c.booted("Wallbe", "Pro"),
    c.status(1, "Available"),
    c.offline(),
  ];
  // The second week: the same fault of two stations, one of them twice, a warning, and one without a code.
  b.time = monday + 7 * day;
  events.push(b.status(2, "Available"), b.status(2, "Faulted", "GroundFailure"), b.offline(), b.online());
  c.time = monday + 7 * day;
  events.push(c.online(), c.status(1, "Available", "WeakSignal"), c.status(1, "Faulted"), c.offline());
  return events;
}

beforeAll(async () => {
  world = await World.open(worldAdapters);
  const projector = await world.project();
  api = await world.serve(projector);
  await world.appendEvents([...fleet(), ...fleetOf2x(), ...fleetOfFlapping()]);
  await world.caughtUp(projector);
});
afterAll(() => world.close());

it("counts what came of attempts: energy, none, refused, unanswered, accepted and never begun", async () => {
  const { body } = await get(`starts?${period}`);
  expect(body).toMatchObject({ complete: true });
  const counted = {
    attempts: 6,
    delivered: 2,
    percent: 33.333,
    authorisedNotStarted: 2,
    withoutEnergy: 1,
    pending: 1,
    remote: { requested: 5, refused: 1, failed: 1, notStarted: 1 },
  };
  expect(body.items).toEqual([{ group: null, ...counted }]);
  expect((await get(`starts?${period}&by=vendor`)).body.items).toEqual([{ group: "Alfen", ...counted }]);
  expect((await get(`starts?${period}&by=station&station=CP-A`)).body.items).toEqual([{ group: "CP-A", ...counted }]);
  expect((await get(`starts?${period}&vendor=Wallbe`)).body.items).toEqual([]);
});

it("finds connectors that are online and could charge and where nobody has, with the last one who did", async () => {
  const { body } = await get("idle?days=3");
  const shown = body.items.map(({ stationId, connectorId, lastSessionAt }) => [stationId, connectorId, lastSessionAt]);
  // CP-A 1 has an open session, CP-B 2 is out of order, CP-C is offline.
  expect(shown).toEqual([
    ["CP-A", 2, null],
    ["CP-B", 1, null],
  ]);
  const first = await get("idle?days=3&limit=1");
  const second = await get(`idle?days=3&limit=1&cursor=${String(first.body["nextCursor"])}`);
  expect([...first.body.items, ...second.body.items]).toEqual(body.items);
  const longAgo = Math.ceil((Date.now() - monday) / day) + 1;
  expect((await get(`idle?days=${longAgo}`)).body.items).toEqual([]);
});

it("tells faults by week, model and firmware: each once, whatever connections were lost meanwhile", async () => {
  const { body } = await get(`faults?${period}`);
  const shown = body.items.map(({ week, vendor, firmware, code, faulted, faults, stations }) => [
    week,
    vendor,
    firmware,
    code,
    faulted,
    faults,
    stations,
  ]);
  expect(shown).toEqual([
    ["2025-06-16", "Alfen", "1.4.2", "GroundFailure", true, 1, 1],
    ["2025-06-23", "Alfen", "1.4.2", "GroundFailure", true, 1, 1],
    ["2025-06-23", "Wallbe", "1.4.2", "Faulted", true, 1, 1],
    ["2025-06-23", "Wallbe", "1.4.2", "WeakSignal", false, 1, 1],
  ]);
  // From its fourth second to the first of the next week.
  expect(body.items[0]!["minutes"]).toBe((7 * day - 3_000) / 60_000);
  expect((await get(`faults?${period}&vendor=Wallbe`)).body.items).toEqual(body.items.slice(2));
  const page = await get(`faults?${period}&limit=3`);
  const last = await get(`faults?${period}&limit=3&cursor=${String(page.body["nextCursor"])}`);
  expect([...page.body.items, ...last.body.items]).toEqual(body.items);
});

it("names a fault of 2.x by what the station said about it within two minutes, by component and vendor's code", async () => {
  const { body } = await get("faults?from=2025-06-30T00:00:00Z&to=2025-07-14T00:00:00Z&vendor=Kempower");
  const fault = { week: "2025-06-30", vendor: "Kempower", model: "S", firmware: "1.4.2", faulted: true };
  expect(body.items).toEqual([
    { ...fault, code: "ConnectorPlugRetentionLock/Problem", vendorCode: null, faults: 1, stations: 1, minutes: 0.033 },
    { ...fault, code: "Faulted", vendorCode: null, faults: 1, stations: 1, minutes: 3.033 },
    { ...fault, code: "PowerContactor/Problem", vendorCode: "E42", faults: 2, stations: 2, minutes: 0.033 },
  ]);
});

it("counts each of more faults than it reads at once, those of one moment too", async () => {
  const { body } = await get("faults?from=2025-06-30T00:00:00Z&to=2025-07-14T00:00:00Z&vendor=Flapping");
  const counted = body.items.map(({ code, vendorCode, faults, stations, minutes }) => [
    code,
    vendorCode,
    faults,
    stations,
    minutes,
  ]);
  // One every two seconds, and the event was up to two minutes before.
  expect(counted).toEqual([
    ["Faulted", null, 270, 3, 4.5],
    ["PowerContactor/Problem", "E7", 180, 3, 3],
  ]);
});
