// The register of meters' public keys, and what the meter signed as a file for the transparency software.
import { afterAll, beforeAll, expect, test } from "vitest";

import { trusted } from "../../core/ids/ids.ts";
import { signedMeasurand } from "../../core/metering/signed-value.ts";
import { brainpool, edl40, keba } from "../../core/metering/vectors.test-helper.ts";
import type { Reading } from "../../core/records/domain-event.ts";
import { pack } from "../../core/records/msgpack.ts";
import { worldAdapters } from "../../test/harness/world-adapters.ts";
import { callAs } from "../testing/client.ts";
import { register, StationWriter } from "../testing/events.ts";
import { adminToken, party, World } from "../testing/world.ts";
import type { Api } from "./api.ts";

let world: World;
let api: Api;
let signedSession = "";
let plainSession = "";
const path = "/api/v1/meter-keys";
const post = (url: string, body: unknown) => callAs(api, "POST", url, body);

const signed = (value: string, context: string): Reading => ({
  at: Date.UTC(2023, 10, 14, 21),
  context,
  measurand: signedMeasurand,
  value,
  phase: null,
  location: null,
  unit: null,
  energyMwh: null,
});

async function keepReadings(sessionId: string, rows: readonly (readonly Reading[])[]): Promise<void> {
  const place = { table_set: 1, partition: 0 };
  const of = { role: "processor", topic: world.log.topics.frames.name, generation: 1, next: 0, fingerprint: "" };
  const counts = { applied: 0, skipped: 0, quarantined: 0, parked: 0, log_time: 0 };
  await world.store.transaction(async (tx) => {
    await tx.insertNew("position", [{ ...place, ...of, ...counts }]);
    const kept = rows.map((readings, at) => ({
      ...place,
      session_id: sessionId,
      record_offset: at,
      log_time: at,
      readings: pack(readings),
    }));
    await tx.insertNew("reading", kept);
  });
}

beforeAll(async () => {
  world = await World.open(worldAdapters);
  const projector = await world.project();
  api = await world.serve(projector);
  const station = new StationWriter("CP-A");
  const events = [...station.session("TAG1", 100_000, 1), ...station.session("TAG2", 100_000, 1)];
  const ids: string[] = events.flatMap(({ body }) => (body.kind === "sessionStarted" ? [body.sessionId] : []));
  [signedSession, plainSession] = ids as [string, string];
  await world.appendEvents(events);
  await world.caughtUp(projector);
  const odd = signed('AP;0;3;<"unknown">&', "Sample.Periodic");
  const rows = [
    [register(0, 1), signed(keba.data, "Transaction.Begin")],
    [signed(edl40.data, "Transaction.End"), odd],
  ];
  await keepReadings(signedSession, rows);
});
afterAll(() => world.close());

test("the register takes public keys by station, with a history, and refuses what nothing can be checked by", async () => {
  const former = { publicKey: brainpool.publicKey, validUntil: "2023-01-01T00:00:00Z" };
  const doc = {
    id: "CP-A",
    calibrated: true,
    keys: [former, { publicKey: keba.publicKey, evseId: 1, meter: "17619300" }],
  };
  expect((await post(path, doc)).status).toBe(201);
  expect(world.registry.find(party, "meterKeys", "CP-A")?.doc).toEqual(doc);
  const wrong = await post(path, { id: "CP-A", keys: [former, { publicKey: keba.publicKey.slice(0, -2) }] });
  expect(wrong).toMatchObject({ status: 422, body: { path: "/keys/1/publicKey" } });
  const span = { validFrom: "2023-01-02T00:00:00Z", validUntil: "2023-01-01T00:00:00Z" };
  expect((await post(path, { id: "CP-A", keys: [{ publicKey: keba.publicKey, ...span }] })).status).toBe(422);
  const { body } = await post(`${path}/import`, [
    doc,
    { id: "CP-B", keys: [{ publicKey: edl40.publicKey }] },
    { id: "CP-C" },
  ]);
  expect(body["rows"]).toMatchObject([{ result: "unchanged" }, { result: "created" }, { result: "refused" }]);
});

test("signed values are served verbatim as the transparency software's XML, with the key that holds for each", async () => {
  await post(path, { id: trusted.station("CP-A"), keys: [{ publicKey: keba.publicKey }] });
  const { statusCode, headers, body } = await api.app.inject({
    method: "GET",
    url: `/api/v1/sessions/${signedSession}/signed-data`,
    headers: { authorization: `Bearer ${adminToken}` },
  });
  expect([statusCode, headers["content-type"]]).toEqual([200, "application/xml"]);
  const values = [
    ...body.matchAll(
      /<value transactionId="\d+" context="([^"]*)">\s*<signedData([^>]*)>([^<]*)<\/signedData>\s*(?:<publicKey encoding="hex">([0-9A-F]+)<)?/g,
    ),
  ];
  const text = (escaped: string) =>
    escaped.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&");
  const hex = (base64: string) => Buffer.from(base64, "base64").toString("hex").toUpperCase();
  expect(values.map(([, context, attributes, data, key]) => [context, attributes, text(data!), key])).toEqual([
    ["Transaction.Begin", ' format="OCMF" encoding="plain"', keba.data, keba.publicKey],
    // The register has no key for it: the one that came with it.
    ["Transaction.End", ' format="EDL_40_SIG" encoding="plain"', edl40.data, hex(edl40.publicKey)],
    ["Sample.Periodic", "", 'AP;0;3;<"unknown">&', undefined],
  ]);
  expect(body.startsWith('<?xml version="1.0" encoding="UTF-8"?>\n<values>\n')).toBe(true);
});

test("of a session without signed values, and of none, there is no such file", async () => {
  for (const id of [plainSession, "unknown"]) {
    expect((await callAs(api, "GET", `/api/v1/sessions/${id}/signed-data`)).status).toBe(404);
  }
});
