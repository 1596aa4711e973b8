// Connected stations send a MeterValues each second, at moments of their own: an open loop.
import exec from "k6/execution";

import { after, bound, common, holding, patienceMs, shareOf, size, stationOf, summary } from "../lib/run.js";

const settleSeconds = 2;

export const options = {
  ...common,
  scenarios: { metering: holding("metering") },
  thresholds: {
    ocpp_answer_ms: [`p(50)<${bound(20)}`, `p(95)<${bound(50)}`, `p(99)<${bound(150)}`],
    ocpp_answered: [`count>${Math.floor(size.stations * (size.seconds - 2 * settleSeconds) * 0.8)}`],
    ocpp_unanswered: ["count==0"],
    ocpp_call_errors: ["count==0"],
    ocpp_online: ["rate==1"],
  },
};

function meterValues(wh) {
  const value = { value: String(wh), measurand: "Energy.Active.Import.Register", unit: "Wh" };
  return { connectorId: 1, meterValue: [{ timestamp: new Date().toISOString(), sampledValue: [value] }] };
}

export function metering() {
  for (const n of shareOf(exec.scenario.iterationInTest)) {
    const station = stationOf(n);
    let wh = 0;
    let timer;
    station.connect();
    after(settleSeconds * Math.random(), () => {
      timer = setInterval(() => station.call("MeterValues", meterValues((wh += 3))), 1000);
    });
    after(size.seconds - settleSeconds, () => clearInterval(timer));
    after(size.seconds, () => station.finish(patienceMs));
  }
}

export const handleSummary = summary;
