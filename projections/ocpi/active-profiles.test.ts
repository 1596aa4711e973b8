// Active charging profiles that change for another reason than their partner asking: who is told, when, and what.
import { afterAll, beforeAll, expect, it } from "vitest";

import { eventually } from "../../test/harness/wait.ts";
import type { Emsp } from "../../test/ocpi/emsp.ts";
import { newCommandId } from "../../core/ids/ids.ts";
import type { DocumentChange } from "../../core/records/station-documents.ts";
import { AnsweringStation } from "../testing/answering-station.ts";
import { framesIn } from "../testing/client.ts";
import { aLocation, RoamingWorld } from "./roaming.test-helper.ts";

let roaming: RoamingWorld;
let emsp: Emsp;
let station: AnsweringStation;
/** At the same EVSE; the partner has set a profile of the first alone. */
let ours: string;
let untouched: string;

const charging_profile = { charging_rate_unit: "A", charging_profile_period: [{ start_period: 0, limit: 16 }] };

beforeAll(async () => {
  roaming = await RoamingWorld.open();
  roaming.push();
  emsp = await roaming.registered("ABC");
  await emsp.ask("PUT", `${emsp.endpoint("tokens")}/DE/ABC/CARD-1`, emsp.token("CARD-1"));
  await roaming.rest("POST", "/locations", aLocation());
  station = await AnsweringStation.connect(roaming.world, "CP-1", "ocpp2.0.1");
  await roaming.events([station.writer.online("ocpp2.0.1")]);
  const started = async () => {
    const events = station.writer.session("CARD-1", 1_000_000, 1, true);
    await roaming.events(events);
    return (events[0]!.body as { sessionId: string }).sessionId;
  };
  [ours, untouched] = [await started(), await started()];
  const response_url = `${emsp.base}/emsp/results/set`;
  await emsp.ask("PUT", `${emsp.endpoint("chargingprofiles")}/${ours}`, { charging_profile, response_url });
  await eventually("the profile to be set", () => emsp.at("/emsp/results/set").length > 0);
}, 60_000);
afterAll(() => roaming.close());

const told = () => emsp.received.filter(({ path }) => path.startsWith("/emsp/2.2.1/chargingprofiles/"));
const queued = () => roaming.world.store.reader.selectFrom("ocpi_push").selectAll().execute();
const questions = async () =>
  (await framesIn(roaming.world, "CP-1")).flatMap((body) =>
    body.kind === "commandRequested" && body.action === "GetCompositeSchedule" ? [body] : [],
  );

/** @returns what the station is asked after this change, which it answers with this limit; undefined: with no schedule */
async function asksAfter(change: Promise<unknown>, limit: number | undefined) {
  const [before, puts] = [(await questions()).length, told().length];
  await change;
  const question = await eventually("the station to be asked", async () => (await questions())[before]);
  const list = [{ startPeriod: 0, limit }];
  const schedule = { evseId: 1, scheduleStart: "2026-01-01T10:00:00Z", duration: 1_800, chargingRateUnit: "W" };
  const some = limit === undefined ? {} : { schedule: { ...schedule, chargingSchedulePeriod: list } };
  await station.tell(question, { status: "Accepted", ...some });
  await eventually("the partner to be told", () => told().length > puts);
  await eventually("an empty queue", async () => (await queued()).length === 0);
  return { payload: JSON.parse(Buffer.from(question.payload).toString("utf8")) as unknown, puts: told().slice(puts) };
}

const changed = (change: Omit<DocumentChange, "document"> & { readonly document?: string }) =>
  roaming.events([
    station.writer.event({
      kind: "documentsChanged",
      changes: [{ document: JSON.stringify({ evseId: 1 }), ...change }],
    }),
  ]);

it("a limit that the station tells of: the partner hears the new active profile of its session, and of no other", async () => {
  const { payload, puts } = await asksAfter(changed({ collection: "chargingLimits", key: "1/EMS" }), 7_000);
  // Between five minutes and an hour, as the specification has it.
  expect(payload).toEqual({ evseId: 1, duration: 1_800 });
  const start_date_time = "2026-01-01T10:00:00.000Z";
  expect(puts.map(({ method, path, body }) => [method, path, body])).toEqual([
    [
      "PUT",
      `/emsp/2.2.1/chargingprofiles/${ours}`,
      {
        start_date_time,
        charging_profile: {
          start_date_time,
          duration: 1_800,
          charging_rate_unit: "W",
          charging_profile_period: [{ start_period: 0, limit: 7_000 }],
        },
      },
    ],
  ]);
  expect(puts[0]!.headers).toMatchObject({ "ocpi-from-party-id": "WLG", "ocpi-to-party-id": "ABC" });
});

it("a schedule that the vehicle tells of is such a change as well", async () => {
  const { puts } = await asksAfter(changed({ collection: "chargingSchedules", key: "ev/1" }), 3_600);
  expect(puts).toHaveLength(1);
});

it("a profile that an operator sets or clears: told, and where none is left, the capacity of the EVSE", async () => {
  const payload = JSON.stringify({ chargingProfileCriteria: { evseId: 1 } });
  const { writer } = station;
  const commandId = newCommandId();
  const origin = { via: "rest", actor: "admin" } as const;
  const asked = { commandId, connectionId: null, action: "ClearChargingProfile", payload, origin };
  const cleared = roaming.events([
    writer.event({ kind: "commandRequested", ...asked, deadline: writer.time + 30_000 }),
    writer.event({ kind: "commandEnded", commandId, outcome: "accepted", response: `[3,"1",{"status":"Accepted"}]` }),
  ]);
  const { puts } = await asksAfter(cleared, undefined);
  expect(puts.map(({ body }) => body)).toMatchObject([
    { charging_profile: { charging_rate_unit: "A", charging_profile_period: [{ start_period: 0, limit: 32 }] } },
  ]);
});

it("what the partner asks for itself, another EVSE, and a session without a profile of its own are told to nobody", async () => {
  const [before, asked] = [told().length, (await questions()).length];
  const response_url = `${emsp.base}/emsp/results/again`;
  await emsp.ask("PUT", `${emsp.endpoint("chargingprofiles")}/${ours}`, { charging_profile, response_url });
  await eventually("its result", () => emsp.at("/emsp/results/again").length > 0);
  await changed({ collection: "chargingLimits", key: "2/EMS" });
  await changed({ collection: "chargingSchedules", key: "composite/1" });
  // What comes later in the same queue has been looked at after them.
  const { puts } = await asksAfter(changed({ collection: "chargingLimits", key: "0/EMS" }), 1_400);
  expect(puts.map(({ path }) => path)).toEqual([`/emsp/2.2.1/chargingprofiles/${ours}`]);
  expect([told().length, (await questions()).length]).toEqual([before + 1, asked + 1]);
  expect(told().filter(({ path }) => path.endsWith(untouched))).toEqual([]);
});

it("another process goes on with the question; a station that does not say leaves nothing to tell", async () => {
  const [before, puts] = [(await questions()).length, told().length];
  await changed({ collection: "chargingLimits", key: "1/EMS" });
  const question = await eventually("the question", async () => (await questions())[before]);
  await roaming.pushAnew();
  await station.tell(question, { status: "Rejected" });
  await eventually("an empty queue", async () => (await queued()).length === 0);
  // The station does not say how its profile changed, so nothing is made up.
  expect(told().length).toBe(puts);
  expect((await questions()).length).toBe(before + 1);
});
