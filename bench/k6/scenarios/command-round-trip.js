// Commands by REST to stations that answer at once: from the request to the known outcome, at a fixed rate of arrivals.
import { check } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { Trend } from "k6/metrics";

import { after, bound, common, holding, patienceMs, shareOf, size, stationOf, summary } from "../lib/run.js";

const commandMs = new Trend("ocpp_command_ms", true);
const api = __ENV.K6_API_URL;
const perSecond = Number(__ENV.K6_COMMANDS || 20);
/** Until all are connected, and at the end for what is under way. */
const quietSeconds = 3;
const seconds = Math.max(1, size.seconds - 2 * quietSeconds);

export const options = {
  ...common,
  scenarios: {
    stations: holding("stations"),
    commands: {
      executor: "constant-arrival-rate",
      exec: "command",
      rate: perSecond,
      timeUnit: "1s",
      startTime: `${quietSeconds}s`,
      duration: `${seconds}s`,
      preAllocatedVUs: 20,
      maxVUs: 100,
    },
  },
  thresholds: {
    ocpp_command_ms: [`p(50)<${bound(50)}`, `p(95)<${bound(150)}`, `p(99)<${bound(400)}`],
    checks: ["rate==1"],
    iterations: [`count>=${Math.floor(perSecond * seconds * 0.8)}`],
    ocpp_online: ["rate==1"],
  },
};

export function stations() {
  for (const n of shareOf(exec.scenario.iterationInTest)) {
    const station = stationOf(n);
    station.connect();
    after(size.seconds, () => station.finish(patienceMs));
  }
}

export function command() {
  const { id } = stationOf(exec.scenario.iterationInTest % size.stations);
  const body = JSON.stringify({ action: "ClearCache", payload: {}, timeoutSeconds: 20 });
  const headers = { authorization: `Bearer ${__ENV.K6_TOKEN}`, "content-type": "application/json" };
  const startedAt = Date.now();
  const answer = http.post(`${api}/api/v1/stations/${id}/commands?wait=20`, body, { headers });
  const isAccepted = check(answer, {
    "the command was accepted": ({ status, body: text }) => status < 300 && JSON.parse(text).outcome === "accepted",
  });
  if (isAccepted) commandMs.add(Date.now() - startedAt);
}

export const handleSummary = summary;
