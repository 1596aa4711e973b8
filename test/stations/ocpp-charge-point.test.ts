// The Rust crate `ocpp-charge-point`: a station's whole firmware, which decides by itself what to send. In `npm run full`, for
// it takes minutes to compile.
import { beforeAll, expect, test } from "vitest";

import { onSystem } from "../harness/system.ts";
import { eventually } from "../harness/wait.ts";
import { KitStation } from "./kit.ts";
import { compileTimeoutMs, rustStation } from "./rust-kit.ts";
import { kitToken } from "./session.ts";

let kit: Awaited<ReturnType<typeof rustStation>>;
beforeAll(async () => {
  kit = await rustStation();
}, compileTimeoutMs + 60_000);

const idToken = { idToken: kitToken, type: "ISO14443" };
const start16 = { action: "RemoteStartTransaction", payload: { idTag: kitToken, connectorId: 1 } };
const start2x = { action: "RequestStartTransaction", payload: { idToken, remoteStartId: 7, evseId: 1 } };
const stop16 = (transactionId: string) => ({
  action: "RemoteStopTransaction",
  payload: { transactionId: Number(transactionId) },
});
const stop2x = (transactionId: string) => ({ action: "RequestStopTransaction", payload: { transactionId } });

/** Its first sample counts in 2.x, where Started has none; in 1.6 it starts from 0. What it makes of a remote stop: `main.rs`. */
const cases = [
  { protocol: "ocpp1.6", start: start16, stop: stop16, stopped: "rejected", meterStartWh: 0, token: kitToken },
  { protocol: "ocpp2.0.1", start: start2x, stop: stop2x, stopped: "accepted", meterStartWh: 3500, token: null },
  { protocol: "ocpp2.1", start: start2x, stop: stop2x, stopped: "accepted", meterStartWh: 3500, token: null },
] as const;
const meterStopWh = 7250;

onSystem("one process", "ocpp-charge-point", (system) => {
  test.for(cases)(
    "a strict $protocol station of ocpp-charge-point charges, started and stopped through REST",
    async ({ protocol, start, stop, stopped, meterStartWh, token }, context) => {
      if ("missing" in kit) return context.skip(kit.missing);
      const { rest, gateways } = system();
      const id = `RUST-${protocol}`;
      await rest.post("/stations", { id, acceptance: "accepted", validation: "strict" });
      const station = new KitStation(kit.program, [`${gateways[0].url}/${id}`, protocol]);
      await station.said("ready");
      await rest.online(id);
      const started = await eventually("the station to take a start", async () => {
        // It locks its plug first, and says no meanwhile.
        const { body } = await rest.command(id, start, 10);
        return body.outcome === "accepted" && body;
      });
      expect(started).toMatchObject({ status: "done" });
      await station.said("charging");
      const running = await eventually("the session", async () => (await rest.sessionsOf(id))[0]);
      expect(running).toMatchObject({ status: "active", idToken: token, evseId: 1, connectorId: 1 });
      expect((await rest.command(id, stop(running.transactionId), 10)).body).toMatchObject({ outcome: stopped });
      await station.said("stopped", 60_000);
      const sessions = await rest.settled(id, 1);
      const energyWh = meterStopWh - meterStartWh;
      expect(sessions).toMatchObject([
        { status: "completed", energyWh, meterStartWh, meterStopWh, annotations: ["noTariff"] },
      ]);
      expect(await rest.cdrsOf(id)).toMatchObject([{ energyWh, sessionId: sessions[0]?.id }]);
      expect(await rest.all(`/quarantine?station=${id}`)).toEqual([]);
    },
  );
});
