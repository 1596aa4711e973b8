import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { limits } from "../../../core/config/limits.ts";
import { trusted } from "../../../core/ids/ids.ts";
import type { OutboundAnswer } from "../../../core/outbound/outbound.ts";
import type { AuthorisationQuestion, Authoriser } from "../../../core/ports/ports.ts";
import { eventually } from "../../../test/harness/wait.ts";
import type { Emsp } from "../../../test/ocpi/emsp.ts";
import { party } from "../../testing/world.ts";
import { aLocation, RoamingWorld } from "../roaming.test-helper.ts";
import { readAnswer } from "./authoriser.ts";
import { Turnstile } from "./turnstile.ts";

describe("one partner is asked", () => {
  const half = 0.5;

  test("by no more at once than its share", () => {
    const turnstile = new Turnstile();
    for (let i = 0; i < limits.ocpiAuthorisationsInFlight; i++) expect(turnstile.enter(0)).toBe(true);
    expect(turnstile.enter(0)).toBe(false);
    turnstile.leave(true, 0, half);
    expect(turnstile.enter(0)).toBe(true);
  });

  test("not for a while once it failed again and again, then by one at a time until it answers", () => {
    const turnstile = new Turnstile();
    for (let i = 0; i < limits.ocpiAuthorisationFailures; i++) {
      expect(turnstile.enter(0)).toBe(true);
      turnstile.leave(false, 0, half);
    }
    expect([turnstile.enter(0), turnstile.isIdle]).toEqual([false, false]);
    const later = limits.ocpiAuthorisationPauseMs;
    expect([turnstile.enter(later), turnstile.enter(later)]).toEqual([true, false]);
    turnstile.leave(true, later, half);
    expect(turnstile.isIdle).toBe(true);
    expect([turnstile.enter(later), turnstile.enter(later)]).toEqual([true, true]);
  });

  test("again after the longest pause at the latest, however long it was away", () => {
    const turnstile = new Turnstile();
    let now = 0;
    for (let i = 0; i < 40; i++) {
      expect(turnstile.enter(now)).toBe(true);
      turnstile.leave(false, now, 1);
      now += limits.ocpiAuthorisationPauseMs;
    }
  });
});

describe("what an answer means", () => {
  const answered = (body: unknown, status = 200): OutboundAnswer => ({
    result: "answered",
    status,
    headers: new Headers(),
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const info = (data: object) => answered({ data, status_code: 1000 });
  const read = (answer: OutboundAnswer) => readAnswer(answer, "TAG", undefined).answer;

  test.each(["ALLOWED", "BLOCKED", "EXPIRED", "NO_CREDIT", "NOT_ALLOWED"] as const)("%s", (allowed) => {
    expect(read(info({ allowed }))).toEqual({ result: "answered", allowed });
    const reference = "R".repeat(36);
    expect(read(info({ allowed, authorization_reference: reference, token: { uid: "tag" } }))).toEqual({
      result: "answered",
      allowed,
      reference,
    });
  });

  test("a reference that OCPI does not allow is left out", () => {
    for (const reference of ["", "R".repeat(37), 7, null]) {
      expect(read(info({ allowed: "ALLOWED", authorization_reference: reference }))).toEqual({
        result: "answered",
        allowed: "ALLOWED",
      });
    }
  });

  test.each([
    ["2004 at 200", answered({ status_code: 2004 })],
    ["404 with an envelope", answered({ status_code: 2001 }, 404)],
  ])("the partner does not know the token: %s", (_name, answer) => {
    expect(read(answer)).toEqual({ result: "answered", allowed: "UNKNOWN" });
  });

  test.each([
    ["it needs to know where", answered({ status_code: 2002 }), "refused"],
    ["no word of OCPI", info({ allowed: "YES" }), "refused"],
    ["our own word", info({ allowed: "UNKNOWN" }), "refused"],
    ["another token", info({ allowed: "ALLOWED", token: { uid: "OTHER" } }), "refused"],
    ["no such address", answered("Not Found", 404), "failed"],
    ["no envelope", answered("ok"), "failed"],
    ["its fault", answered({ status_code: 3000 }), "failed"],
    ["HTTP 503", answered("", 503), "failed"],
    ["a redirect", answered({ status_code: 1000 }, 302), "refused"],
    ["nothing in time", { result: "failed", why: "The operation was aborted due to timeout" }, "timeout"],
    ["no connection", { result: "failed", why: "connect ECONNREFUSED" }, "failed"],
    ["not asked", { result: "refused", why: "it is not https" }, "failed"],
  ] as const)("nothing was decided: %s", (_name, answer, why) => {
    expect(read(answer)).toEqual({ result: "noAnswer", why });
  });

  test("an answer by or for another party decides nothing", () => {
    expect(readAnswer(info({ allowed: "ALLOWED" }), "TAG", "DE-XXX").answer).toEqual({
      result: "noAnswer",
      why: "failed",
    });
  });
});

describe("at partners", () => {
  let roaming: RoamingWorld;
  let emsp: Emsp;
  let authoriser: Authoriser;

  beforeEach(async () => {
    roaming = await RoamingWorld.open();
    emsp = await roaming.registered("ABC");
    await roaming.rest("POST", "/locations", aLocation());
    authoriser = roaming.world.authoriser();
  });

  afterEach(() => roaming.close());

  async function question(uid: string, changes: object = {}): Promise<AuthorisationQuestion> {
    const token = emsp.token(uid, { whitelist: "NEVER", ...changes });
    await emsp.ask("PUT", `${emsp.endpoint("tokens")}/DE/ABC/${encodeURIComponent(uid)}`, token);
    const { registry } = roaming.world;
    const { doc } = registry.find(party, "token", uid.toLowerCase())!;
    return { party, station: trusted.station("CP-1"), token: doc, evseId: 1, deadlineMs: 8_000 };
  }

  test("the question says whose token it is and where the car is; the word and the reference come back", async () => {
    emsp.decide = (uid) => emsp.allowed(uid, { allowed: "NOT_ALLOWED", authorization_reference: "REF-9" });
    const asked = await question("ROAM 1/ä");
    expect(authoriser.canAsk(asked.party, asked.token)).toBe(true);
    expect(await authoriser.ask(asked)).toEqual({ result: "answered", allowed: "NOT_ALLOWED", reference: "REF-9" });
    const [request] = emsp.at("/emsp/2.2.1/tokens/ROAM%201%2F%C3%A4/authorize?type=RFID");
    expect(request).toMatchObject({ method: "POST", body: { location_id: "LOC-1", evse_uids: ["EVSE-1", "EVSE-2"] } });
    expect(request!.headers).toMatchObject({ "ocpi-to-country-code": "DE", "ocpi-to-party-id": "ABC" });
    const nowhere = { ...asked, station: trusted.station("CP-9") };
    await authoriser.ask(nowhere);
    expect(emsp.received.at(-1)!.text).toBe("");
    await authoriser.ask({ ...asked, evseId: undefined });
    expect(emsp.received.at(-1)!.body).toEqual({ location_id: "LOC-1" });
  });

  test("the token in the answer is the registry's from then on", async () => {
    const asked = await question("ROAM-2");
    const newer = emsp.token("ROAM-2", { whitelist: "ALLOWED", last_updated: "2099-01-01T00:00:00Z" });
    emsp.decide = (uid) => emsp.allowed(uid, { token: newer });
    await authoriser.ask(asked);
    const { registry } = roaming.world;
    const stored = await eventually("the token", () => {
      const found = registry.find(party, "token", "roam-2")!.doc;
      return found.whitelist === "ALLOWED" ? found : undefined;
    });
    expect(stored.roaming!.token).toEqual(newer);
  });

  test("a partner that is away is soon not asked any more, and another one answers all the same", async () => {
    const asked = await question("ROAM-3");
    const other = await roaming.registered("XYZ");
    other.decide = (uid) => other.allowed(uid);
    await other.ask("PUT", `${other.endpoint("tokens")}/DE/XYZ/ROAM-4`, other.token("ROAM-4", { whitelist: "NEVER" }));
    const { registry } = roaming.world;
    const theirs = { ...asked, token: registry.find(party, "token", "roam-4")!.doc };
    emsp.isBroken = true;
    const answers: string[] = [];
    for (let i = 0; i < limits.ocpiAuthorisationFailures + 1; i++) {
      const answer = await authoriser.ask(asked);
      answers.push(answer.result === "noAnswer" ? answer.why : answer.allowed);
    }
    expect(answers).toEqual([...Array(limits.ocpiAuthorisationFailures).fill("failed"), "unasked"]);
    expect(await authoriser.ask(theirs)).toMatchObject({ allowed: "ALLOWED" });
  });

  test("a paused partner, and one that has gone, cannot be asked", async () => {
    const asked = await question("ROAM-5");
    const id = String((await roaming.rest("GET", "/partners/DEABC-EMSP"))["id"]);
    await roaming.rest("PATCH", `/partners/${id}`, { paused: true });
    expect(authoriser.canAsk(asked.party, asked.token)).toBe(false);
    await roaming.rest("DELETE", `/partners/${id}`);
    expect(authoriser.canAsk(asked.party, asked.token)).toBe(false);
    expect(await authoriser.ask(asked)).toEqual({ result: "noAnswer", why: "unasked" });
  });
});
