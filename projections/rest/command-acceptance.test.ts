// The wire checklist (docs/wire-checklist.md): what is sent to a station before it is accepted.
import { afterAll, beforeAll, expect, test } from "vitest";

import { openSqliteStore } from "../../core/store/store-sqlite.ts";
import { worldAdapters } from "../../test/harness/world-adapters.ts";
import { callAs, framesIn } from "../testing/client.ts";
import { StationWriter } from "../testing/events.ts";
import { World } from "../testing/world.ts";
import type { Api } from "./api.ts";

let world: World;
let api: Api;

const versions = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"] as const;
const idOf = (version: string, acceptance: string) => `${acceptance}-${version}`;

beforeAll(async () => {
  world = await World.open({ ...worldAdapters, openStore: openSqliteStore });
  const projector = await world.project();
  api = await world.serve(projector);
  for (const version of versions) {
    for (const acceptance of ["pending", "rejected"]) {
      const id = idOf(version, acceptance);
      await world.appendEvents([new StationWriter(id).online(version)]);
      await callAs(api, "POST", "/api/v1/stations", { id, acceptance });
    }
  }
  await world.caughtUp(projector);
});
afterAll(() => world.close());

const idToken = { idToken: "TAG", type: "ISO14443" };
const starts = {
  "ocpp1.6": { action: "RemoteStartTransaction", payload: { idTag: "TAG" } },
  "ocpp2.0.1": { action: "RequestStartTransaction", payload: { idToken, remoteStartId: 1 } },
  "ocpp2.1": { action: "RequestStartTransaction", payload: { idToken, remoteStartId: 1 } },
};
const stops = {
  "ocpp1.6": { action: "RemoteStopTransaction", payload: { transactionId: 1 } },
  "ocpp2.0.1": { action: "RequestStopTransaction", payload: { transactionId: "1" } },
  "ocpp2.1": { action: "RequestStopTransaction", payload: { transactionId: "1" } },
};
const trigger = { action: "TriggerMessage", payload: { requestedMessage: "BootNotification" } };

const ask = (id: string, command: object) => callAs(api, "POST", `/api/v1/stations/${id}/commands`, command);

test.each(versions)(
  "wire: %s: a Pending station is read and configured, but nothing is started or stopped",
  async (version) => {
    const id = idOf(version, "pending");
    for (const command of [starts[version], stops[version]]) {
      const { status, body } = await ask(id, command);
      expect([status, body["detail"]]).toEqual([409, expect.stringContaining("pending")]);
    }
    expect(await framesIn(world, id)).toEqual([]);
    expect((await ask(id, trigger)).status).toBe(202);
    expect((await callAs(api, "PATCH", `/api/v1/stations/${id}`, { acceptance: "accepted" })).status).toBe(200);
    expect((await ask(id, starts[version])).status).toBe(202);
  },
);

test.each(versions)("wire: %s: to a Rejected station nothing is sent", async (version) => {
  const id = idOf(version, "rejected");
  for (const command of [starts[version], trigger]) {
    const { status, body } = await ask(id, command);
    expect([status, body["detail"]]).toEqual([409, expect.stringContaining("rejected")]);
  }
  expect(await framesIn(world, id)).toEqual([]);
});
