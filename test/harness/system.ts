// A whole wattlog as a promise's test sees it, wherever it runs: one process on the embedded adapters, or a cluster of one
// role a process on real Kafka, Redis and Postgres. A promise is written once and holds on both.
import { afterAll, beforeAll, beforeEach, describe } from "vitest";

import type { Rest } from "./rest.ts";
import type { Injection } from "./strace.ts";
import type { Metrics } from "./wattlog.ts";

export const places = ["one process", "a cluster"] as const;
export type Place = (typeof places)[number];

export interface Gateway {
  /** Whom `restart` takes when this gateway shall die. */
  readonly process: string;
  readonly url: string;
}

export interface System {
  readonly place: Place;
  /** One in one process; two in a cluster. Addresses outlive restarts. */
  readonly gateways: readonly [Gateway, ...Gateway[]];
  /** Whom `restart` takes when the api shall die. */
  readonly api: string;
  /** Everyone who can die alone. */
  readonly processes: readonly string[];
  /** Of each process, in that order: its id now, and where `/metrics` and `/health` are. */
  readonly pids: readonly number[];
  readonly adminUrls: readonly string[];
  readonly httpUrl: string;
  readonly token: string;
  readonly rest: Rest;
  /** For commands of the command line that read its log and its store. */
  readonly environment: Readonly<Record<string, string>>;
  /** What `/metrics` says, summed over the processes. */
  metrics(): Promise<Metrics>;
  /** Ends a process and starts it again at its address; resolves once it is ready. */
  restart(process: string, signal: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** Why the next two cannot be had on this machine, in the words of a skip. */
  readonly faultsMissing: string | undefined;
  /** Until its end the log acknowledges nothing for a second or longer, and refuses nothing. */
  stallLog(): Promise<Injection>;
  /** Until its end the log acknowledges nothing, for however long. */
  breakLog(): Promise<Injection>;
  /** Until its end a command that was asked for takes longer than a second to the node that shall send it. */
  holdCommands(): Promise<Injection>;
  /** The store is lost whole, and those who fold and read start on an empty one, under these settings besides their own. */
  loseStore(settings: Readonly<Record<string, string>>): Promise<void>;
  /** What it said, for the message of a failed check. */
  words(): Promise<string>;
  /** The test file is done with it. */
  end(): Promise<void>;
}

/** The gateway that a station reaches when it comes back elsewhere; in one process the same. */
export function otherGateway({ gateways }: System): Gateway {
  return gateways.at(-1)!;
}

/** Above the limits of what starts, for those say what was late. */
export const startTimeoutMs = 300_000;

async function start(place: Place): Promise<System | { readonly missing: string }> {
  // Loaded where it is wanted: a run of one of them alone shall not fail by the other.
  if (place === "one process") return (await import("./one-process.ts")).startOneProcess();
  return (await import("./cluster-system.ts")).shareCluster();
}

/** As beforeAll and afterAll, but only where the system runs: what is missing there is a skip of the tests. */
export interface SystemHooks {
  readonly onceUp: (work: () => Promise<void>) => void;
  readonly beforeEnd: (work: () => Promise<void>) => void;
}

/** @param system for use inside tests and hooks: the system that runs there */
export type SystemTests = (system: () => System, place: Place, hooks: SystemHooks) => void;

/** The tests of a promise, in each place. */
export function onEachSystem(promise: string, tests: SystemTests): void {
  for (const place of places) onSystem(place, promise, tests);
}

/**
 * For tests that mostly wait: both places beside each other, and the tests of a place as well but for those with the option
 * `concurrent: false`.
 */
export function onEachSystemAtOnce(promise: string, tests: SystemTests): void {
  for (const place of places) {
    describe.concurrent(`${promise} on ${place}`, () => {
      useSystem(place, tests);
    });
  }
}

/** Tests of a promise that make sense in one place only. */
export function onSystem(place: Place, promise: string, tests: SystemTests): void {
  describe(`${promise} on ${place}`, () => {
    useSystem(place, tests);
  });
}

function useSystem(place: Place, tests: SystemTests): void {
  let system: System | undefined;
  let missing: string | undefined;
  beforeAll(async () => {
    const started = await start(place);
    if ("missing" in started) missing = started.missing;
    else system = started;
  }, startTimeoutMs);
  afterAll(() => system?.end());
  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
    context.onTestFailed(async () => console.error(`${place} said:\n${await system?.words()}`));
  });
  const running = (): System => {
    if (!system) throw new Error(`${place} does not run`);
    return system;
  };
  tests(running, place, {
    onceUp: (work) => beforeAll(async () => system && (await work())),
    beforeEnd: (work) => afterAll(async () => system && (await work())),
  });
}
