import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import type { TokenDoc } from "../../core/registry/entities.ts";
import { eventually } from "../../test/harness/wait.ts";
import type { Emsp } from "../../test/ocpi/emsp.ts";
import { party } from "../testing/world.ts";
import { RoamingWorld } from "./roaming.test-helper.ts";

let roaming: RoamingWorld;
beforeAll(async () => {
  roaming = await RoamingWorld.open();
  roaming.push();
});
afterAll(() => roaming.close());

let tests = 0;
beforeEach(() => tests++);
/** Partners of one test are not looked at in the next one. */
afterEach(async () => {
  const { items } = (await roaming.rest("GET", "/partners")) as { items: readonly { id: string }[] };
  for (const { id } of items) await roaming.rest("DELETE", `/partners/${id}`);
});

const list = "/emsp/2.2.1/tokens";
const uid = (n: number) => `CARD-${tests}-${n}`;
const tokenOf = (n: number): TokenDoc | undefined =>
  roaming.world.registry.find(party, "token", uid(n).toLowerCase())?.doc;
const pulls = (emsp: Emsp) => emsp.received.filter(({ method, path }) => method === "GET" && path.startsWith(list));

/** Not yet registered, with so many tokens. */
async function withTokens(partyId: string, count: number): Promise<Emsp> {
  const emsp = await roaming.emsp(partyId);
  for (let n = 0; n < count; n++) emsp.tokens.set(uid(n), emsp.token(uid(n), { whitelist: "NEVER" }));
  return emsp;
}

async function register(emsp: Emsp): Promise<string> {
  const added = await roaming.rest("POST", "/partners", { country: "DE", party: emsp.options.partyId, role: "EMSP" });
  expect((await emsp.registerAt(String(added["versionsUrl"]), String(added["tokenA"]))).status).toBe(1000);
  return String(added["id"]);
}

describe("the list of a partner's tokens", () => {
  test("is read page by page once it has registered, and its tokens are the registry's as if they were pushed", async () => {
    const emsp = await withTokens("ABC", 5);
    emsp.pageMax = 2;
    await register(emsp);
    await eventually("the last token", () => tokenOf(4) !== undefined);
    expect(tokenOf(4)).toMatchObject({
      uid: uid(4),
      valid: true,
      whitelist: "NEVER",
      roaming: { partner: "DEABC-EMSP", by: "pushed", token: emsp.tokens.get(uid(4)) },
    });
    expect([0, 1, 2, 3].map((n) => tokenOf(n)?.uid)).toEqual([0, 1, 2, 3].map(uid));
    expect(pulls(emsp).map(({ path }) => path.split("?")[1])).toEqual([
      "offset=0&limit=250",
      "offset=2&limit=250",
      "offset=4&limit=250",
    ]);
    expect(pulls(emsp)[0]!.headers).toMatchObject({ "ocpi-to-country-code": "DE", "ocpi-to-party-id": "ABC" });
    const url = `${emsp.endpoint("tokens")}/DE/ABC/${uid(0)}`;
    expect((await emsp.ask("GET", url)).data).toEqual(emsp.tokens.get(uid(0)));
  });

  test("is read again when an operator asks for a resync: what changed is written, what is older or the same is not", async () => {
    const emsp = await withTokens("ABC", 3);
    const id = await register(emsp);
    await eventually("the last token", () => tokenOf(2) !== undefined);
    const version = (n: number) => roaming.world.registry.find(party, "token", uid(n).toLowerCase())!.version;
    const before = [0, 1, 2].map(version);
    const at = (time: string, changes: object) => ({ ...changes, last_updated: time });
    emsp.tokens.set(uid(0), emsp.token(uid(0), at("2020-01-01T00:00:00Z", { valid: false })));
    emsp.tokens.set(uid(1), emsp.token(uid(1), at("2099-01-01T00:00:00Z", { valid: false })));
    emsp.tokens.set(uid(3), emsp.token(uid(3)));
    await roaming.rest("POST", `/partners/${id}/resync`);
    await eventually("the new token", () => tokenOf(3) !== undefined && tokenOf(1)?.valid === false);
    expect(tokenOf(0)?.valid).toBe(true);
    expect([version(0), version(2)]).toEqual([before[0], before[2]]);
    expect(version(1)).toBeGreaterThan(before[1]!);
    expect(pulls(emsp)).toHaveLength(2);
  });

  test("may hold what cannot be used: the rest of it is", async () => {
    const emsp = await withTokens("ABC", 0);
    emsp.tokens.set("odd", { ...emsp.token(uid(0)), whitelist: "SOMETIMES" });
    emsp.tokens.set("theirs", emsp.token(uid(1), { party_id: "XYZ" }));
    emsp.tokens.set("null", [null] as object);
    emsp.tokens.set("good", emsp.token(uid(2)));
    await register(emsp);
    await eventually("the good one", () => tokenOf(2) !== undefined);
    expect([tokenOf(0), tokenOf(1)]).toEqual([undefined, undefined]);
  });

  test("of a partner that is away is asked for again, and others do not wait for it", async () => {
    const away = await withTokens("ABC", 1);
    const other = await withTokens("XYZ", 0);
    other.tokens.set(uid(1), other.token(uid(1)));
    away.breaks = (path) => path.startsWith(list);
    await register(away);
    await eventually("the first try", () => pulls(away).length > 0);
    await register(other);
    await eventually("the other's token", () => tokenOf(1) !== undefined);
    expect(tokenOf(0)).toBeUndefined();
    away.breaks = () => false;
    await eventually("its token", () => tokenOf(0) !== undefined);
  });
});
