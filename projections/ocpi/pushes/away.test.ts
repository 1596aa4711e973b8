import { afterAll, beforeAll, expect, it } from "vitest";

import { FakeClock } from "../../../core/runtime/clock.ts";
import { limits } from "../../../core/config/limits.ts";
import { eventually } from "../../../test/harness/wait.ts";
import { aTariff, RoamingWorld } from "../roaming.test-helper.ts";

let roaming: RoamingWorld;
const clock = new FakeClock(Date.now());

beforeAll(async () => {
  roaming = await RoamingWorld.open();
  roaming.world.push(clock);
}, 60_000);
afterAll(() => roaming.close());

const minute = 60_000;
const stepMs = 5_000;

/** Time in steps, with what is between them done: a store and a socket do not go by the clock. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    clock.advance(stepMs);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

it("a partner that is away for an hour is asked ever more rarely, and has all of it minutes after it is back", async () => {
  const emsp = await roaming.registered("ABC");
  await roaming.rest("POST", "/tariffs", aTariff);
  emsp.isBroken = true;
  const tries = () => emsp.received.filter(({ method }) => method === "PUT").length;
  await eventually("the first try", () => pass(stepMs).then(() => tries() > 0));
  await pass(60 * minute);
  // Doubled from a second: some nine to the longest pause, then one a pause.
  expect(tries()).toBeLessThan(10 + (2 * 60 * minute) / limits.ocpiPushLongestRetryMs);
  const queue = await roaming.rest("GET", "/partners/DEABC-EMSP/pushes");
  expect(queue).toMatchObject({ state: "away", problem: "HTTP 500", waitingCount: 1, deadLetterCount: 0 });
  expect(Number(queue["failures"])).toBeGreaterThan(5);
  const before = tries();
  emsp.isBroken = false;
  await pass(limits.ocpiPushLongestRetryMs);
  const tariff = "/emsp/2.2.1/tariffs/DE/WLG/standard";
  await eventually("the tariff", () => pass(stepMs).then(() => emsp.objects.has(tariff)));
  expect(tries()).toBe(before + 1);
}, 60_000);

it("what a partner fails at again and again while it takes others is a dead letter: nothing waits behind it for ever", async () => {
  const emsp = await roaming.registered("XYZ");
  emsp.misbehave = ({ path }, response) => {
    if (!path.endsWith("/poison")) return false;
    response.writeHead(500).end();
    return true;
  };
  await roaming.rest("POST", "/tariffs", { ...aTariff, id: "poison" });
  await eventually("the first try", () => pass(stepMs).then(() => emsp.at(poison).length > 0));
  await roaming.rest("POST", "/tariffs", { ...aTariff, id: "good" });
  await eventually("what is behind it", () => pass(minute).then(() => emsp.objects.has(good)));
  const queue = await eventually("the dead letter", async () => {
    await pass(minute);
    const found = await roaming.rest("GET", "/partners/DEXYZ-EMSP/pushes");
    return found["deadLetterCount"] === 1 && found["waitingCount"] === 0 && found;
  });
  expect(queue["deadLetters"]).toMatchObject([{ module: "tariffs", object: "poison" }]);
  expect(emsp.at(poison).length).toBeGreaterThan(limits.ocpiPushSuspectAttempts);
}, 60_000);

const poison = "/emsp/2.2.1/tariffs/DE/WLG/poison";
const good = "/emsp/2.2.1/tariffs/DE/WLG/good";
