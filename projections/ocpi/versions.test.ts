// Which version of OCPI is spoken with whom: agreed on by the exchange of credentials, changed by another one, or held to by an
// operator.
import { afterAll, beforeAll, expect, it } from "vitest";

import type { EmspOptions } from "../../test/ocpi/emsp.ts";
import { Emsp } from "../../test/ocpi/emsp.ts";
import { callAs } from "../testing/client.ts";
import { RoamingWorld } from "./roaming.test-helper.ts";
import { ocpiVersions } from "./versions/version.ts";

let roaming: RoamingWorld;
const emsps: Emsp[] = [];

beforeAll(async () => {
  roaming = await RoamingWorld.open();
}, 60_000);
afterAll(async () => {
  for (const emsp of emsps) await emsp[Symbol.asyncDispose]();
  await roaming.close();
});

let count = 0;
async function anEmsp(options: Pick<EmspOptions, "version" | "versions">): Promise<Emsp> {
  const emsp = await Emsp.start({ countryCode: "DE", partyId: `V${String(count++).padStart(2, "0")}`, ...options });
  emsps.push(emsp);
  return emsp;
}

async function added(emsp: Emsp, more: object = {}) {
  const { countryCode: country, partyId } = emsp.options;
  const { id, tokenA, versionsUrl } = await roaming.rest("POST", "/partners", {
    country,
    party: partyId,
    role: "EMSP",
    ...more,
  });
  return { id: String(id), tokenA: String(tokenA), versionsUrl: String(versionsUrl) };
}

const shown = (id: string) => roaming.rest("GET", `/partners/${id}`);
const business_details = { name: "Stadtwerke" };

it("every version is told, the oldest first", async () => {
  const emsp = await anEmsp({});
  const { tokenA, versionsUrl } = await added(emsp);
  emsp.peerToken = tokenA;
  const { data } = await emsp.ask<{ version: string; url: string }[]>("GET", versionsUrl);
  expect(data).toEqual(ocpiVersions.map((version) => ({ version, url: versionsUrl.replace(/versions$/, version) })));
});

it("2.1.1: a partner registers as one party, with tokens as they are, and is spoken to in that way", async () => {
  const emsp = await anEmsp({ version: "2.1.1" });
  const { id, tokenA, versionsUrl } = await added(emsp);
  const answer = await emsp.registerAt(versionsUrl, tokenA);
  expect(answer.data).toEqual({
    token: emsp.peerToken,
    url: versionsUrl,
    country_code: "DE",
    party_id: "WLG",
    business_details,
  });
  expect(emsp.endpoints.some((endpoint) => "role" in endpoint)).toBe(false);
  expect(emsp.received.map(({ path }) => path)).toEqual(["/emsp/versions", "/emsp/2.1.1"]);
  expect(emsp.received.map(({ headers }) => headers.authorization)).toEqual(Array(2).fill(`Token ${emsp.ownToken}`));
  expect(await shown(id)).toMatchObject({
    state: "registered",
    version: "2.1.1",
    rawTokens: true,
    roles: [{ role: "EMSP", country: "DE", party: emsp.options.partyId }],
  });
  const again = await emsp.ask("GET", emsp.endpoint("credentials"));
  expect([again.data, again.headers.get("ocpi-to-party-id")]).toEqual([answer.data, null]);
  const encoded = { authorization: `Token ${Buffer.from(emsp.peerToken).toString("base64")}` };
  expect((await emsp.ask("GET", emsp.endpoint("credentials"), undefined, encoded)).http).toBe(401);
});

it("2.3.0: a partner registers with its roles; one that is a hub is known as that", async () => {
  const emsp = await anEmsp({ version: "2.3.0" });
  const { id, tokenA, versionsUrl } = await added(emsp);
  expect((await emsp.registerAt(versionsUrl, tokenA)).data).toMatchObject({
    roles: [{ role: "CPO", country_code: "DE", party_id: "WLG", business_details }],
  });
  expect(await shown(id)).toMatchObject({ state: "registered", version: "2.3.0", rawTokens: false });
  const hub = { ...emsp.credentials(), hub_party_id: "NLHUB" };
  const answer = await emsp.ask<{ token: string }>("PUT", emsp.endpoint("credentials"), hub);
  expect(answer.status).toBe(1000);
  emsp.peerToken = answer.data.token;
  expect((await shown(id))["roles"]).toEqual([
    expect.objectContaining({ role: "EMSP" }),
    { role: "HUB", country: "NL", party: "HUB" },
  ]);
});

it("PUT to another version's credentials goes over to it, up and down, and to tokens as it has them", async () => {
  const emsp = await anEmsp({ version: "2.1.1" });
  const { id, tokenA, versionsUrl } = await added(emsp);
  await emsp.registerAt(versionsUrl, tokenA);
  for (const version of ["2.3.0", "2.1.1", "2.2.1"] as const) {
    const before = emsp.peerToken;
    expect([version, (await emsp.changeTo(version, versionsUrl)).status]).toEqual([version, 1000]);
    expect(await shown(id)).toMatchObject({ version, rawTokens: version === "2.1.1" });
    expect((await emsp.ask("GET", emsp.endpoint("credentials"))).status).toBe(1000);
    expect(emsp.peerToken).not.toBe(before);
  }
});

it("where we register, the newest that both have is taken, in whichever form the token is understood", async () => {
  for (const [version, versions] of [
    ["2.3.0", ["2.1.1", "2.2.1", "2.3.0", "3.0"]],
    ["2.2.1", ["2.1.1", "2.2.1", "2.2"]],
    ["2.1.1", ["2.0", "2.1.1"]],
  ] as const) {
    const emsp = await anEmsp({ version, versions });
    const answer = await callAs(roaming.api, "POST", "/api/v1/partners/register", {
      url: emsp.versionsUrl,
      token: emsp.ownToken,
    });
    expect([answer.status, answer.body["version"]]).toEqual([201, version]);
    expect((await emsp.ask("GET", emsp.endpoint("credentials"))).status).toBe(1000);
  }
});

it("an operator holds a partner to a version: the others are not told and refused; a change counts with the next tokens", async () => {
  const emsp = await anEmsp({ version: "2.1.1", versions: [...ocpiVersions] });
  const { id, tokenA, versionsUrl } = await added(emsp, { onlyVersion: "2.1.1" });
  emsp.peerToken = tokenA;
  const { data } = await emsp.ask<object[]>("GET", versionsUrl);
  expect(data).toHaveLength(1);
  await emsp.registerAt(versionsUrl, tokenA);
  const url = emsp.endpoint("credentials").replace("2.1.1", "2.2.1");
  const authorization = `Token ${Buffer.from(emsp.peerToken).toString("base64")}`;
  const refused = await emsp.ask("PUT", url, emsp.credentials(), { authorization });
  expect([refused.http, refused.status]).toEqual([200, 3002]);
  expect(await shown(id)).toMatchObject({ version: "2.1.1", onlyVersion: "2.1.1" });
  expect(await roaming.rest("PATCH", `/partners/${id}`, { onlyVersion: null })).toMatchObject({ onlyVersion: null });
  expect((await emsp.changeTo("2.3.0", versionsUrl)).status).toBe(1000);
  expect(await shown(id)).toMatchObject({ version: "2.3.0" });
});

it("2.1.1 with tokens in Base64 is spoken where the operator says so", async () => {
  const emsp = await anEmsp({ version: "2.1.1" });
  const { tokenA, versionsUrl } = await added(emsp, { rawTokens: false });
  const url = versionsUrl.replace("versions", "2.1.1");
  const encoded = { authorization: `Token ${Buffer.from(tokenA).toString("base64")}` };
  emsp.peerToken = tokenA;
  expect((await emsp.ask("GET", url)).http).toBe(401);
  expect((await emsp.ask("GET", url, undefined, encoded)).status).toBe(1000);
});
