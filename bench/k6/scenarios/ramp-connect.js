// Stations connect and boot at an even rate, and stay.
import exec from "k6/execution";

import { after, bound, common, holding, patienceMs, shareOf, size, stationOf, summary } from "../lib/run.js";

/** Share of the run in which they come. */
const rampShare = 0.6;

export const options = {
  ...common,
  scenarios: { ramp: holding("ramp") },
  thresholds: {
    ocpp_booted_ms: [`p(95)<${bound(500)}`, `p(99)<${bound(1000)}`],
    ocpp_online: ["rate==1"],
    ocpp_odd_closes: ["count==0"],
  },
};

export function ramp() {
  for (const n of shareOf(exec.scenario.iterationInTest)) {
    const station = stationOf(n);
    after((n / size.stations) * size.seconds * rampShare, () => station.connect());
    after(size.seconds, () => station.finish(patienceMs));
  }
}

export const handleSummary = summary;
