// What the scenarios have in common: sizes from the environment, stations spread over virtual users, and a result as JSON.
import { Station } from "./station.js";

const number = (name, fallback) => Number(__ENV[name] || fallback);

export const size = {
  stations: number("K6_STATIONS", 100),
  seconds: number("K6_SECONDS", 30),
  users: number("K6_USERS", 10),
  /** What bounds on time are multiplied by, on machines that do other work too. */
  slack: number("K6_SLACK", 1),
};

export const urls = (__ENV.K6_OCPP_URLS || "ws://127.0.0.1:9000").split(",");

/** Of every scenario. */
export const common = { summaryTrendStats: ["avg", "min", "med", "max", "p(90)", "p(95)", "p(99)"] };

/** One iteration a virtual user, in which it holds its share of the stations. */
export function holding(exec) {
  const maxDuration = `${size.seconds + 80}s`;
  return { executor: "per-vu-iterations", vus: size.users, iterations: 1, maxDuration, gracefulStop: "5s", exec };
}

/** Numbers of this user's stations. @param user from 0 on: its only iteration's number within the scenario */
export function shareOf(user) {
  const mine = [];
  for (let n = user; n < size.stations; n += size.users) mine.push(n);
  return mine;
}

export function stationOf(n, options = {}) {
  const id = `K6-${String(n + 1).padStart(6, "0")}`;
  return new Station({ id, urls, first: n, ...options });
}

export function bound(ms) {
  return Math.round(ms * size.slack);
}

/** For what is still under way when a run's time is over. */
export const patienceMs = Math.min(20_000, bound(1_000));

export function after(seconds, work) {
  setTimeout(() => work(), seconds * 1000);
}

/** Nothing a load test concludes may rest on nothing. */
export function summary(data) {
  return { [__ENV.K6_RESULT || "k6-result.json"]: JSON.stringify(data) };
}
