// What every kit must come to, whoever wrote it: told to start and to stop through REST, one session, one CDR.
import { expect } from "vitest";

import type { Rest } from "../harness/rest.ts";
import type { System } from "../harness/system.ts";
import { eventually } from "../harness/wait.ts";

/** The kits' meters: start 1000 Wh, stop 7250 Wh. */
export const meters = { start: 1000, middle: 3500, stop: 7250 } as const;
export const kitToken = "KIT-TAG";

/** @param charging resolves when the kit's transaction runs, @param stopped when its end has been answered. */
export async function driveSession(
  { rest }: Pick<System, "rest">,
  station: string,
  version: "1.6" | "2.x",
  { charging, stopped }: { charging: () => Promise<unknown>; stopped: () => Promise<unknown> },
): Promise<void> {
  await rest.online(station);
  const start =
    version === "1.6"
      ? { action: "RemoteStartTransaction", payload: { idTag: kitToken, connectorId: 1 } }
      : {
          action: "RequestStartTransaction",
          payload: { idToken: { idToken: kitToken, type: "ISO14443" }, remoteStartId: 7, evseId: 1 },
        };
  const started = await rest.command(station, start, 30);
  expect(started.body, "the remote start").toMatchObject({ status: "done", outcome: "accepted" });
  await charging();
  const session = await eventually("the session to run", async () => (await rest.sessionsOf(station))[0]);
  expect(session).toMatchObject({ status: "active", idToken: kitToken });
  const { transactionId } = session;
  const stop =
    version === "1.6"
      ? { action: "RemoteStopTransaction", payload: { transactionId: Number(transactionId) } }
      : { action: "RequestStopTransaction", payload: { transactionId } };
  const ended = await rest.command(station, stop, 30);
  expect(ended.body, "the remote stop").toMatchObject({ status: "done", outcome: "accepted" });
  await stopped();
  await expectSettled(rest, station);
}

async function expectSettled(rest: Rest, station: string): Promise<void> {
  const sessions = await rest.settled(station, 1);
  expect(sessions).toHaveLength(1);
  const energyWh = meters.stop - meters.start;
  expect(sessions[0]).toMatchObject({
    status: "completed",
    energyWh,
    meterStartWh: meters.start,
    meterStopWh: meters.stop,
    // By the book in everything; that nobody has set a tariff is not the station's doing.
    annotations: ["noTariff"],
  });
  expect(await rest.cdrsOf(station)).toMatchObject([{ energyWh, sessionId: sessions[0]?.id }]);
  expect(await rest.all(`/quarantine?station=${station}`)).toEqual([]);
}
