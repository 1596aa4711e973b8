import { afterAll, beforeAll, expect, it } from "vitest";

import { RoamingWorld } from "../roaming.test-helper.ts";
import { rollingRestart } from "./pushes.test-helper.ts";

let roaming: RoamingWorld;

beforeAll(async () => {
  roaming = await RoamingWorld.open();
  roaming.push();
}, 60_000);
afterAll(() => roaming.close());

it("a rolling restart of 10 000 stations causes no status push", async () => {
  const emsp = await roaming.registered("ABC");
  expect(await rollingRestart(roaming, emsp, 10_000)).toEqual({ changed: ["INOPERATIVE"], others: 0 });
}, 300_000);
