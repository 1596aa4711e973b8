// Results of commands: from the log to the address that the partner named, whoever took the command.
import { afterAll, beforeAll, expect, it } from "vitest";

import { trusted } from "../../../core/ids/ids.ts";
import { eventually } from "../../../test/harness/wait.ts";
import type { Emsp } from "../../../test/ocpi/emsp.ts";
import { AnsweringStation, type Asked } from "../../testing/answering-station.ts";
import { aLocation, RoamingWorld } from "../roaming.test-helper.ts";
import { waiting } from "./pushes.test-helper.ts";

let roaming: RoamingWorld;
let emsp: Emsp;
let station: AnsweringStation;

beforeAll(async () => {
  roaming = await RoamingWorld.open();
  roaming.push();
  emsp = await roaming.registered("ABC");
  await roaming.rest("POST", "/locations", aLocation());
  station = await AnsweringStation.connect(roaming.world, "CP-1", "ocpp1.6");
}, 60_000);
afterAll(() => roaming.close());

let count = 0;
/** @returns where its result will be, once the station has been asked */
async function unlock(): Promise<{ readonly path: string; readonly asked: Asked }> {
  const path = `/emsp/results/${count++}`;
  const body = { response_url: `${emsp.base}${path}`, location_id: "LOC-1", evse_uid: "EVSE-1", connector_id: "1" };
  const before = station.asked.length;
  const answer = await emsp.ask("POST", `${emsp.endpoint("commands")}/UNLOCK_CONNECTOR`, body);
  expect(answer.data).toMatchObject({ result: "ACCEPTED" });
  return { path, asked: await eventually("the station to be asked", () => station.asked[before]) };
}

const dead = () => roaming.world.store.reader.selectFrom("ocpi_dead_letter").selectAll().execute();

it("is told by a process that never saw the command, once", async () => {
  station.answering = () => undefined;
  const { path, asked } = await unlock();
  await roaming.pushAnew();
  const response = JSON.stringify([3, asked.commandId, { status: "Unlocked" }]);
  const ended = { commandId: trusted.command(asked.commandId), outcome: "accepted", response } as const;
  await eventually("the command to be known", async () =>
    roaming.world.store.reader
      .selectFrom("live_command")
      .select("id")
      .where("id", "=", asked.commandId)
      .executeTakeFirst(),
  );
  await roaming.events([station.writer.event({ kind: "commandEnded", ...ended })]);
  await eventually("the result", () => emsp.at(path).length > 0);
  await roaming.pushAnew();
  await eventually("an empty queue", async () => (await waiting(roaming)).length === 0);
  expect(emsp.at(path).map(({ body }) => body)).toEqual([{ result: "ACCEPTED" }]);
});

it("is tried again where the address fails, and what waits for the partner beside it goes on", async () => {
  station.answering = () => ({ status: "Unlocked" });
  emsp.breaks = (path) => path.startsWith("/emsp/results/");
  const { path } = await unlock();
  await eventually("the first try", () => emsp.at(path).length > 0);
  await roaming.rest("POST", "/locations", aLocation({ id: "LOC-2", evses: [] }));
  await eventually("the location", () => emsp.objects.has("/emsp/2.2.1/locations/DE/WLG/LOC-2"));
  emsp.breaks = () => false;
  await eventually("the second", async () => (await waiting(roaming)).length === 0);
  expect(emsp.at(path).length).toBeGreaterThan(1);
  expect(await dead()).toEqual([]);
});

it("an address that says no has had its result: an operator sees it", async () => {
  const [first] = (await roaming.rest("GET", "/partners"))["items"] as { id: string }[];
  station.answering = () => ({ status: "Unlocked" });
  const body = {
    response_url: `${emsp.base}/emsp/nobody`,
    location_id: "LOC-1",
    evse_uid: "EVSE-1",
    connector_id: "1",
  };
  await emsp.ask("POST", `${emsp.endpoint("commands")}/UNLOCK_CONNECTOR`, body);
  const [letter] = await eventually("the dead letter", async () => ((await dead()).length > 0 ? dead() : undefined));
  expect(letter).toMatchObject({ partner: first!.id, module: "results", attempts: 1, problem: "HTTP 404" });
  expect(emsp.at("/emsp/nobody")).toHaveLength(1);
});
