// Gateways are restarted one after the other (by run.ts) while stations send a heartbeat a second: they are sent away with
// "this node restarts", come back elsewhere, and nothing stays unanswered.
import exec from "k6/execution";

import { after, bound, common, holding, patienceMs, shareOf, size, stationOf, summary } from "../lib/run.js";

const quietSeconds = 3;

export const options = {
  ...common,
  scenarios: { drain: holding("drain") },
  thresholds: {
    ocpp_back_ms: [`p(95)<${bound(3_000)}`],
    ocpp_closes: ["count>0"],
    ocpp_odd_closes: ["count==0"],
    ocpp_answer_ms: [`p(95)<${bound(100)}`],
    ocpp_unanswered: ["count==0"],
    ocpp_online: ["rate==1"],
  },
};

export function drain() {
  for (const n of shareOf(exec.scenario.iterationInTest)) {
    const station = stationOf(n);
    let timer;
    station.connect();
    after(Math.random(), () => {
      timer = setInterval(() => station.call("Heartbeat", {}), 1000);
    });
    after(size.seconds - quietSeconds, () => clearInterval(timer));
    after(size.seconds, () => station.finish(patienceMs));
  }
}

export const handleSummary = summary;
