// All stations lose their connection at one moment and come back at once, each with a CALL that waits.
import exec from "k6/execution";

import { after, bound, common, holding, patienceMs, shareOf, size, stationOf, summary } from "../lib/run.js";

export const options = {
  ...common,
  scenarios: { storm: holding("storm") },
  thresholds: {
    ocpp_back_ms: [`p(95)<${bound(5_000)}`, `max<${bound(15_000)}`],
    ocpp_answered: [`count>=${size.stations}`],
    ocpp_unanswered: ["count==0"],
    ocpp_online: ["rate==1"],
  },
};

export function storm() {
  for (const n of shareOf(exec.scenario.iterationInTest)) {
    const station = stationOf(n);
    station.connect();
    after(size.seconds / 3, () => {
      station.cut();
      station.call("Heartbeat", {});
    });
    after(size.seconds, () => station.finish(patienceMs));
  }
}

export const handleSummary = summary;
