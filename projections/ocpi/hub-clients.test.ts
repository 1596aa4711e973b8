// A hub says who is connected to it: what it pushes, what its list has, and what that means for those who are away.
import { afterAll, beforeAll, expect, it } from "vitest";

import { eventually } from "../../test/harness/wait.ts";
import type { Emsp } from "../../test/ocpi/emsp.ts";
import { StationWriter } from "../testing/events.ts";
import { party } from "../testing/world.ts";
import { aLocation, RoamingWorld } from "./roaming.test-helper.ts";

let roaming: RoamingWorld;
let hub: Emsp;
let plain: Emsp;

const client = (party_id: string, status: string, changes: object = {}) => ({
  country_code: "DE",
  party_id,
  role: "EMSP",
  status,
  last_updated: "2026-01-01T00:00:00.000Z",
  ...changes,
});

beforeAll(async () => {
  roaming = await RoamingWorld.open();
  roaming.push();
  plain = await roaming.registered("ABC");
  hub = await roaming.emsp("HUB", "HUB");
  hub.clients.push(client("ONE", "CONNECTED"), client("TWO", "PLANNED"));
  const added = await roaming.rest("POST", "/partners", { country: "DE", party: "HUB", role: "HUB" });
  await hub.registerAt(String(added["versionsUrl"]), String(added["tokenA"]));
}, 60_000);
afterAll(() => roaming.close());

const at = (of: Emsp, partyId: string) => `${of.endpoint("hubclientinfo")}/DE/${partyId}`;
const shown = async () => (await roaming.rest("GET", "/partners/DEHUB-HUB"))["hubClients"] as { party_id: string }[];

it("the hub's own list is pulled once it has registered, and what it does not name any more is gone", async () => {
  await eventually("its list", async () => (await shown()).length === 2);
  expect(await shown()).toEqual([client("ONE", "CONNECTED"), client("TWO", "PLANNED")]);
  const asked = hub.received.filter(({ path }) => path.startsWith("/emsp/2.2.1/hubclientinfo"));
  expect(asked.every(({ headers }) => headers["ocpi-to-party-id"] === undefined)).toBe(true);
  hub.clients.splice(1, 1);
  await roaming.rest("POST", "/partners/DEHUB-HUB/resync");
  await eventually("the second to be gone", async () => (await shown()).length === 1);
  expect((await shown()).map(({ party_id }) => party_id)).toEqual(["ONE"]);
});

it("a hub says who is connected to it: 201, then 200", async () => {
  const put = (object: object) => hub.ask("PUT", at(hub, "NEW"), object);
  const first = client("NEW", "PLANNED");
  expect(await put(first)).toMatchObject({ http: 201, status: 1000 });
  const now = client("NEW", "CONNECTED", { last_updated: "2026-01-02T00:00:00.000Z" });
  expect(await put(now)).toMatchObject({ http: 200, status: 1000 });
  const found = await hub.ask("GET", at(hub, "new"));
  expect(found).toMatchObject({ http: 200, status: 1000, data: now });
  expect(found.headers.get("ocpi-from-party-id")).toBeNull();
  expect(await hub.ask("GET", at(hub, "NOT"))).toMatchObject({ http: 404, status: 2001 });
});

it("of another party than the address, of no status of OCPI, or by who is no hub: refused, and nothing is kept", async () => {
  const codes = async (of: Emsp, object: object) => {
    const { http, status } = await of.ask("PUT", at(of, "BAD"), object);
    return [http, status];
  };
  expect(await codes(hub, client("ELS", "CONNECTED"))).toEqual([200, 2001]);
  expect(await codes(hub, client("BAD", "AWAY"))).toEqual([200, 2001]);
  expect(await codes(hub, client("BAD", "CONNECTED", { role: "DRIVER" }))).toEqual([200, 2001]);
  expect(await codes(plain, client("BAD", "CONNECTED"))).toEqual([200, 2000]);
  expect(await plain.ask("GET", at(plain, "ONE"))).toMatchObject({ http: 200, status: 2000 });
  const kept = [...roaming.world.registry.ids(party, "hubClient")];
  expect(kept.filter((id) => id.includes("BAD") || id.includes("ELS"))).toEqual([]);
});

const owned = (partyId: string, uid: string) => ({ ...hub.token(uid), party_id: partyId });

it("a hub brings tokens of the parties that it lists, of no others", async () => {
  const put = async (partyId: string) => {
    const answer = await hub.ask(
      "PUT",
      `${hub.endpoint("tokens")}/DE/${partyId}/CARD-${partyId}`,
      owned(partyId, `CARD-${partyId}`),
    );
    return [answer.http, answer.status];
  };
  expect(await put("ONE")).toEqual([201, 1000]);
  expect(await put("ABC")).toEqual([404, 2001]);
});

it("what is for a party that is away waits until its hub says that it is back, and goes to that party", async () => {
  const say = (status: string, last_updated: string) =>
    hub.ask("PUT", at(hub, "ONE"), client("ONE", status, { last_updated }));
  expect((await say("OFFLINE", "2026-01-03T00:00:00.000Z")).status).toBe(1000);
  await hub.ask("PUT", `${hub.endpoint("tokens")}/DE/ONE/CARD-ONE`, owned("ONE", "CARD-ONE"));
  await roaming.rest("POST", "/locations", aLocation());
  const writer = new StationWriter("CP-1");
  await roaming.events([writer.online(), ...writer.session("CARD-ONE", 1_250_000, 1)]);
  const waiting = () =>
    roaming.world.store.reader
      .selectFrom("ocpi_push")
      .selectAll()
      .where("partner", "=", "DEHUB-HUB")
      .where("module", "in", ["sessions", "cdrs"])
      .execute();
  const isPostponed = ({ due }: { due: number }) => due > Date.now();
  await eventually("both to be put off", async () => (await waiting()).filter(isPostponed).length === 2);
  const pushed = () => hub.received.filter(({ path, method }) => method !== "GET" && /\/(sessions|cdrs)/.test(path));
  expect(pushed()).toEqual([]);
  expect((await say("CONNECTED", "2026-01-04T00:00:00.000Z")).status).toBe(1000);
  // As when the pause were over.
  await roaming.world.store.transaction(async (tx) => {
    await tx.db.updateTable("ocpi_push").set({ due: 0 }).where("partner", "=", "DEHUB-HUB").execute();
  });
  await eventually("both to be pushed", () => pushed().length === 2);
  for (const { headers } of pushed())
    expect(headers).toMatchObject({ "ocpi-to-party-id": "ONE", "ocpi-from-party-id": "WLG" });
});
