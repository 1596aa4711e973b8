// What a partner's RESERVE_NOW leaves with the session and the bill that come of it.
import { afterAll, beforeAll, expect, it } from "vitest";

import type { DomainEvent } from "../../core/records/domain-event.ts";
import { openPosition } from "../../core/store/position.ts";
import type { Collection } from "../../core/records/station-documents.ts";
import { eventually } from "../../test/harness/wait.ts";
import type { Emsp } from "../../test/ocpi/emsp.ts";
import { AnsweringStation } from "../testing/answering-station.ts";
import { aLocation, RoamingWorld } from "./roaming.test-helper.ts";

let roaming: RoamingWorld;
let emsp: Emsp;
let station: AnsweringStation;

beforeAll(async () => {
  roaming = await RoamingWorld.open();
  roaming.push();
  emsp = await roaming.registered("ABC");
  await emsp.ask("PUT", `${emsp.endpoint("tokens")}/DE/ABC/CARD-1`, emsp.token("CARD-1"));
  await roaming.rest("POST", "/locations", aLocation());
  station = await AnsweringStation.connect(roaming.world, "CP-1", "ocpp1.6");
  await roaming.events([station.writer.online()]);
  await nothingIsFolded();
}, 60_000);
afterAll(() => roaming.close());

/** Commands are in the log here and nobody folds them: lists do not wait for that. */
async function nothingIsFolded(): Promise<void> {
  const { store, log } = roaming.world;
  const { frames } = log.topics;
  for (let at = 0; at < frames.partitions; at++) await openPosition(store, "processor", frames, at);
  await store.transaction(async (tx) => {
    await tx.db.updateTable("position").set({ next: 1_000_000 }).where("role", "=", "processor").execute();
  });
}

/** @returns the number that the station has it under */
async function reserve(reservation_id: string, authorization_reference: string): Promise<number> {
  const path = `/emsp/results/${reservation_id}/${authorization_reference}`;
  const answer = await emsp.ask("POST", `${emsp.endpoint("commands")}/RESERVE_NOW`, {
    response_url: `${emsp.base}${path}`,
    token: emsp.token("CARD-1"),
    location_id: "LOC-1",
    evse_uid: "EVSE-1",
    reservation_id,
    expiry_date: new Date(Date.now() + 600_000).toISOString(),
    authorization_reference,
  });
  expect(answer.data).toMatchObject({ result: "ACCEPTED" });
  await eventually("its result", () => emsp.at(path).length > 0);
  return station.asked.at(-1)!.payload["reservationId"] as number;
}

const document = (collection: Collection, key: string, told: object) =>
  station.writer.event({ kind: "documentsChanged", changes: [{ collection, key, document: JSON.stringify(told) }] });

/** A session that used this reservation, as the fold tells it. */
async function charged(reservation: number, more: (sessionId: string) => readonly DomainEvent[] = () => []) {
  const events = station.writer.session("CARD-1", 1_000_000, 1);
  const { sessionId } = events[0]!.body as { sessionId: string };
  const used = document("reservations", String(reservation), { status: "used", transactionId: "1", sessionId });
  await roaming.events([...events, used, ...more(sessionId)]);
  return sessionId;
}

type Shown = Readonly<Record<string, unknown>>;

async function shownOf(sessionId: string): Promise<readonly [session: Shown, cdr: Shown]> {
  const sessions = await emsp.all<Shown>(`${emsp.endpoint("sessions")}?date_from=2020-01-01T00:00:00Z`);
  const cdrs = await emsp.all<Shown>(emsp.endpoint("cdrs"));
  return [sessions.find(({ id }) => id === sessionId)!, cdrs.find((cdr) => cdr["session_id"] === sessionId)!];
}

it("the reference of RESERVE_NOW is in the session that used it, and in its CDR", async () => {
  const sessionId = await charged(await reserve("R-1", "RESERVED-1"));
  const word = { auth_method: "WHITELIST", authorization_reference: "RESERVED-1" };
  await eventually("it in lists", async () => (await shownOf(sessionId)).every((object) => object !== undefined));
  expect(await shownOf(sessionId)).toMatchObject([word, word]);
  const plain = station.writer.session("CARD-1", 1_000_000, 1);
  await roaming.events(plain);
  const other = (plain[0]!.body as { sessionId: string }).sessionId;
  await eventually("it in lists", async () => (await shownOf(other)).every((object) => object !== undefined));
  for (const object of await shownOf(other)) expect(object).not.toHaveProperty("authorization_reference");
});

it("of several references the last one given stands: of a reservation made again, of a start after it", async () => {
  const number = await reserve("R-2", "FIRST");
  expect(await reserve("R-2", "SECOND")).toBe(number);
  const again = await charged(number);
  await eventually("it in lists", async () => (await shownOf(again)).every((object) => object !== undefined));
  for (const object of await shownOf(again)) expect(object["authorization_reference"]).toBe("SECOND");
  const number3 = await reserve("R-3", "RESERVED-3");
  const asked = await charged(number3, (id) => [
    document("authorisations", id, { method: "AUTH_REQUEST", reference: "REAL-TIME" }),
  ]);
  await eventually("it in lists", async () => (await shownOf(asked)).every((object) => object !== undefined));
  const word = { auth_method: "AUTH_REQUEST", authorization_reference: "REAL-TIME" };
  expect(await shownOf(asked)).toMatchObject([word, word]);
});

it("one that expired is by command, with its reference", async () => {
  const number = await reserve("R-4", "NO-SHOW");
  const events = station.writer.session("CARD-1", 0, 1);
  const [first] = events;
  const { sessionId } = first!.body as { sessionId: string };
  const { body } = first!;
  // As the fold names it (decision 0032).
  const named = { ...first!, body: { ...body, transactionId: `reservation/${number}/1` } } as DomainEvent;
  await roaming.events([named, ...events.slice(1)]);
  await eventually("it in lists", async () => (await shownOf(sessionId)).every((object) => object !== undefined));
  const word = { auth_method: "COMMAND", authorization_reference: "NO-SHOW" };
  expect(await shownOf(sessionId)).toMatchObject([word, word]);
});
