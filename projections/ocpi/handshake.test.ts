import { afterAll, afterEach, beforeAll, expect, it } from "vitest";

import { Emsp, type OcpiAnswer } from "../../test/ocpi/emsp.ts";
import { worldAdapters } from "../../test/harness/world-adapters.ts";
import type { Api } from "../rest/api.ts";
import { callAs } from "../testing/client.ts";
import { party, World } from "../testing/world.ts";

let world: World;
let api: Api;
const emsps: Emsp[] = [];

beforeAll(async () => {
  world = await World.open(worldAdapters);
  api = await world.serve();
}, 60_000);
afterAll(() => world.close());
afterEach(async () => {
  for (const emsp of emsps.splice(0)) await emsp[Symbol.asyncDispose]();
});

let count = 0;
/** A party of its own each, for a party is at one partner only. */
async function anEmsp(versions?: readonly string[]): Promise<Emsp> {
  const partyId = `E${String(count++).padStart(2, "0")}`;
  const emsp = await Emsp.start({ countryCode: "DE", partyId, ...(versions && { versions }) });
  emsps.push(emsp);
  return emsp;
}

interface Added {
  readonly id: string;
  readonly tokenA: string;
  readonly versionsUrl: string;
}

async function added(emsp: Emsp, more: object = {}): Promise<Added> {
  const { countryCode: country, partyId } = emsp.options;
  const answer = await callAs(api, "POST", "/api/v1/partners", { country, party: partyId, role: "EMSP", ...more });
  expect(answer.status).toBe(201);
  return answer.body as unknown as Added;
}

async function registered(emsp: Emsp): Promise<Added> {
  const partner = await added(emsp);
  expect((await emsp.registerAt(partner.versionsUrl, partner.tokenA)).status).toBe(1000);
  return partner;
}

const stateOf = async (id: string) => (await callAs(api, "GET", `/api/v1/partners/${id}`)).body["state"];
const codes = ({ http, status }: OcpiAnswer) => [http, status];

it("a partner registers with token A, which is dead afterwards, and is looked up before it is answered", async () => {
  const emsp = await anEmsp();
  const { id, tokenA, versionsUrl } = await added(emsp);
  expect([id, await stateOf(id)]).toEqual([`DE${emsp.options.partyId}-EMSP`, "pending"]);

  const answer = await emsp.registerAt(versionsUrl, tokenA);
  expect(answer.data).toMatchObject({
    url: versionsUrl,
    roles: [{ role: "CPO", country_code: "DE", party_id: "WLG", business_details: { name: "Stadtwerke" } }],
  });
  expect(answer.data.token).not.toBe(tokenA);
  expect(emsp.received.map(({ method, path }) => `${method} ${path}`)).toEqual([
    "GET /emsp/versions",
    "GET /emsp/2.2.1",
  ]);

  expect((await emsp.ask("GET", emsp.endpoint("locations"))).status).toBe(1000);
  expect((await emsp.ask("GET", emsp.endpoint("credentials"))).data).toMatchObject({ token: emsp.peerToken });
  emsp.peerToken = tokenA;
  for (const url of [versionsUrl, emsp.endpoint("credentials"), emsp.endpoint("locations")]) {
    expect(codes(await emsp.ask("GET", url))).toEqual([401, 2000]);
  }
  const shown = await callAs(api, "GET", `/api/v1/partners/${id}`);
  expect(shown.body).toMatchObject({ state: "registered", version: "2.2.1", tokenA: null });
});

it("token A opens versions and credentials alone; no token and a wrong one are 401", async () => {
  const emsp = await anEmsp();
  const { tokenA, versionsUrl } = await added(emsp);
  emsp.peerToken = tokenA;
  await emsp.lookUp(versionsUrl);
  for (const { identifier, url } of emsp.endpoints) {
    const isOpen = identifier === "credentials";
    expect([identifier, (await emsp.ask("GET", url)).http]).toEqual([identifier, isOpen ? 200 : 401]);
  }
  emsp.peerToken = "wrong";
  expect(codes(await emsp.ask("GET", versionsUrl))).toEqual([401, 2000]);
  for (const authorization of ["", "Token", `Bearer ${tokenA}`, `Basic ${tokenA}`, `Token ${tokenA}`]) {
    const url = emsp.endpoint("credentials");
    expect([authorization, (await emsp.ask("GET", url, undefined, { authorization })).http]).toEqual([
      authorization,
      401,
    ]);
  }
});

it("a token with a line end in its Base64 is the same token; one that is sent as it is counts where the operator says so", async () => {
  const emsp = await anEmsp();
  const { id, tokenA, versionsUrl } = await added(emsp);
  const authorization = `Token ${Buffer.from(`${tokenA}\n`).toString("base64")}`;
  expect((await emsp.ask("GET", versionsUrl, undefined, { authorization })).status).toBe(1000);
  const raw = { authorization: `Token ${tokenA}` };
  const details = versionsUrl.replace("versions", "2.2.1");
  expect((await emsp.ask("GET", details, undefined, raw)).http).toBe(401);
  await callAs(api, "PATCH", `/api/v1/partners/${id}`, { rawTokens: true });
  expect((await emsp.ask("GET", details, undefined, raw)).status).toBe(1000);
});

it("PUT rotates both tokens, and the one before is dead", async () => {
  const emsp = await anEmsp();
  await registered(emsp);
  const before = emsp.peerToken;
  emsp.ownToken = "a-new-token-of-ours";
  const answer = await emsp.ask<{ token: string }>("PUT", emsp.endpoint("credentials"), emsp.credentials());
  expect(answer.status).toBe(1000);
  expect(answer.data.token).not.toBe(before);
  expect((await emsp.ask("GET", emsp.endpoint("locations"))).http).toBe(401);
  emsp.peerToken = answer.data.token;
  expect((await emsp.ask("GET", emsp.endpoint("locations"))).status).toBe(1000);
});

it("DELETE ends the registration; POST, PUT and DELETE are 405 by state", async () => {
  const emsp = await anEmsp();
  const { id, tokenA, versionsUrl } = await added(emsp);
  emsp.peerToken = tokenA;
  await emsp.lookUp(versionsUrl);
  const url = emsp.endpoint("credentials");
  expect(codes(await emsp.ask("PUT", url, emsp.credentials()))).toEqual([405, 2000]);
  expect(codes(await emsp.ask("DELETE", url))).toEqual([405, 2000]);
  await emsp.registerAt(versionsUrl, tokenA);
  expect(codes(await emsp.ask("POST", url, emsp.credentials()))).toEqual([405, 2000]);
  expect(codes(await emsp.ask("DELETE", url))).toEqual([200, 1000]);
  expect(await stateOf(id)).toBe("unregistered");
  expect((await emsp.ask("GET", versionsUrl)).http).toBe(401);
});

it("of two POSTs at once one registers, the other is told that the state changed", async () => {
  const emsp = await anEmsp();
  const { tokenA, versionsUrl } = await added(emsp);
  emsp.peerToken = tokenA;
  await emsp.lookUp(versionsUrl);
  const url = emsp.endpoint("credentials");
  const answers = await Promise.all([1, 2].map(() => emsp.ask("POST", url, emsp.credentials())));
  expect(answers.map(({ http }) => http).toSorted((a, b) => a - b)).toEqual([200, 405]);
});

it("a partner that cannot be used is told so: 3001 no answer, 3002 no such version, and nothing changes", async () => {
  const emsp = await anEmsp();
  const { id, tokenA, versionsUrl } = await added(emsp);
  emsp.isBroken = true;
  expect(codes(await emsp.registerAt(versionsUrl, tokenA))).toEqual([200, 3001]);
  emsp.isBroken = false;
  const kept = emsp.ownToken;
  emsp.ownToken = "not what it is told";
  const wrong = { ...emsp.credentials(), token: "something-else" };
  expect(codes(await emsp.ask("POST", emsp.endpoint("credentials"), wrong))).toEqual([200, 3001]);
  emsp.ownToken = kept;
  expect(await stateOf(id)).toBe("pending");
  const old = await anEmsp(["2.1.1"]);
  const other = await added(old);
  expect(codes(await old.registerAt(other.versionsUrl, other.tokenA))).toEqual([200, 3002]);
});

it("credentials are held to their party: not another's, not without the one agreed on, whole objects only", async () => {
  const [emsp, other] = [await anEmsp(), await anEmsp()];
  await registered(other);
  const { tokenA, versionsUrl } = await added(emsp);
  emsp.peerToken = tokenA;
  await emsp.lookUp(versionsUrl);
  const [own] = emsp.credentials().roles;
  const [theirs] = other.credentials().roles;
  const bodies = [
    { ...emsp.credentials(), roles: [theirs] },
    { ...emsp.credentials(), roles: [own, theirs] },
    { ...emsp.credentials(), roles: [] },
    { ...emsp.credentials(), roles: [{ ...own, role: "KING" }] },
    { ...emsp.credentials(), token: "" },
    { ...emsp.credentials(), token: "with space" },
    { ...emsp.credentials(), url: "file:///etc/passwd" },
    { ...emsp.credentials(), url: "http://169.254.169.254/latest" },
    { ...emsp.credentials(), url: "http://10.0.0.1/versions" },
    [],
    null,
    7,
  ];
  for (const body of bodies) {
    expect([body, ...codes(await emsp.ask("POST", emsp.endpoint("credentials"), JSON.stringify(body)))]).toEqual([
      body,
      200,
      2001,
    ]);
  }
  expect(emsp.received).toEqual([]);
});

it("we register at a partner: it looks us up with our token before it answers, and tokens can be rotated from here", async () => {
  const emsp = await anEmsp();
  const first = emsp.ownToken;
  const answer = await callAs(api, "POST", "/api/v1/partners/register", { url: emsp.versionsUrl, token: first });
  expect([answer.status, answer.body["state"], answer.body["party"]]).toEqual([
    201,
    "registered",
    `DE${emsp.options.partyId}`,
  ]);
  expect((await emsp.ask("GET", emsp.endpoint("locations"))).status).toBe(1000);
  const before = emsp.peerToken;
  const id = String(answer.body["id"]);
  expect((await callAs(api, "POST", `/api/v1/partners/${id}/rotate`)).status).toBe(200);
  expect(emsp.peerToken).not.toBe(before);
  expect((await emsp.ask("GET", emsp.endpoint("locations"))).status).toBe(1000);
  emsp.peerToken = before;
  expect((await emsp.ask("GET", emsp.endpoint("locations"))).http).toBe(401);

  expect((await callAs(api, "DELETE", `/api/v1/partners/${id}`)).status).toBe(204);
  expect(emsp.received.at(-1)).toMatchObject({ method: "DELETE", path: "/emsp/2.2.1/credentials" });
});

it("where the other side says no, nothing of a registration is left", async () => {
  const emsp = await anEmsp();
  const wrong = await callAs(api, "POST", "/api/v1/partners/register", { url: emsp.versionsUrl, token: "wrong" });
  expect(wrong.status).toBe(409);
  expect(String(wrong.body["detail"])).toContain("3001");
  const inside = { url: "http://192.168.1.1/versions", token: "x" };
  expect((await callAs(api, "POST", "/api/v1/partners/register", inside)).status).toBe(409);
  const { body } = await callAs(api, "GET", "/api/v1/partners");
  expect(body.items.filter(({ state }) => state === "registering")).toEqual([]);
});

it("a paused partner is answered 403 until it goes on; a removed one is unknown", async () => {
  const emsp = await anEmsp();
  const { id } = await registered(emsp);
  await callAs(api, "PATCH", `/api/v1/partners/${id}`, { paused: true });
  expect(await stateOf(id)).toBe("paused");
  expect(codes(await emsp.ask("GET", emsp.endpoint("tariffs")))).toEqual([403, 2000]);
  await callAs(api, "PATCH", `/api/v1/partners/${id}`, { paused: false });
  expect((await emsp.ask("GET", emsp.endpoint("tariffs"))).status).toBe(1000);
  await callAs(api, "DELETE", `/api/v1/partners/${id}`);
  expect((await emsp.ask("GET", emsp.endpoint("tariffs"))).http).toBe(401);
});

it("a party is one partner's, and no token stands in the registry as it is", async () => {
  const emsp = await anEmsp();
  const { id, tokenA } = await added(emsp);
  const { countryCode: country, partyId } = emsp.options;
  const again = { country, party: partyId, role: "EMSP", id: "another" };
  expect((await callAs(api, "POST", "/api/v1/partners", again)).status).toBe(409);
  await emsp.registerAt(`http://127.0.0.1:${api.port()}/ocpi/versions`, tokenA);
  const kept = JSON.stringify(world.registry.versions(party, "partner", id));
  for (const secret of [tokenA, emsp.peerToken, emsp.ownToken]) expect(kept).not.toContain(secret);
});
