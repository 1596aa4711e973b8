// Timelines by hand, and uptimes that were worked out on paper beside them.
import * as fc from "fast-check";
import { expect, test } from "vitest";

import { openEnd } from "../../core/store/status-interval.ts";
import { added, neviPercent, noUptime, ownPercent, uptimesOf, type Excluded, type Interval } from "./uptime.ts";

const minute = 60_000;
const day = 1_440;

/** `status from-to` in minutes; without an end it lasts. */
function line(evse: number, connector: number, ...intervals: readonly string[]): Interval[] {
  return intervals.map((text) => {
    const [, status = "", from = "", to = ""] = /^(\w+) (\d+)-(\d*)$/.exec(text) ?? [];
    const to_at = to === "" ? openEnd : Number(to) * minute;
    return { evse_id: evse, connector_id: connector, status, from_at: Number(from) * minute, to_at };
  });
}

const excluded = (from: number, to: number, byNevi: boolean, evseId?: number): Excluded => ({
  id: `${from}-${to}`,
  span: [from * minute, to * minute],
  byNevi,
  evseId,
});

const ofDay = (intervals: readonly Interval[], exclusions: readonly Excluded[] = []) =>
  uptimesOf(intervals, exclusions, [0, day * minute], "evse");

test("NEVI: of a day 72 minutes out of order, and 36 of them excluded, are 97.5 percent", () => {
  const [port] = ofDay(line(1, 1, "Available 0-100", "Faulted 100-172", "Available 172-"), [excluded(136, 200, true)]);
  expect(port).toMatchObject({ observed: day * minute, outage: 72 * minute, neviExcluded: 36 * minute });
  // (1440 − (72 − 36)) / 1440
  expect(neviPercent(port!)).toBe(97.5);
  // Own: 64 minutes are no time, 36 of the others were down: (1440 − 64 − 36) / (1440 − 64) = 1340 / 1376
  expect(ownPercent(port!)).toBe(97.383);
});

test("NEVI: a year with exactly 3 percent of outage is 97, and a minute more is less", () => {
  const year = 525_600;
  const out = 15_768;
  const of = (minutes: number) =>
    uptimesOf(line(1, 1, `Faulted 0-${minutes}`, `Available ${minutes}-`), [], [0, year * minute], "evse")[0]!;
  expect(neviPercent(of(out))).toBe(97);
  expect(neviPercent(of(out + 1))).toBe(96.999);
});

test("a cause that NEVI does not name leaves NEVI's uptime alone and counts in the own formula", () => {
  const [port] = ofDay(line(1, 1, "Available 0-720", "Offline 720-1440"), [excluded(720, 1440, false)]);
  expect(neviPercent(port!)).toBe(50);
  expect(ownPercent(port!)).toBe(100);
  expect(port!.exclusions).toEqual(["720-1440"]);
});

test("offline for less than five minutes is an outage for NEVI and none by the own formula; five minutes are both", () => {
  const [brief] = ofDay(line(1, 1, "Available 0-10", "Offline 10-14", "Available 14-"));
  expect([brief!.outage, brief!.down]).toEqual([4 * minute, 0]);
  const [long] = ofDay(line(1, 1, "Available 0-10", "Offline 10-15", "Available 15-"));
  expect([long!.outage, long!.down]).toEqual([5 * minute, 5 * minute]);
  // It began before the period: what counts is how long it was away, not how long of it is seen.
  const [cut] = uptimesOf(line(1, 1, "Offline 0-20", "Available 20-"), [], [18 * minute, 118 * minute], "evse");
  expect([cut!.outage, cut!.down]).toEqual([2 * minute, 2 * minute]);
  // What comes after the period changes no answer about it: four minutes at its end are four, however long it goes on.
  const ends = (after: string) => uptimesOf(line(1, 1, "Available 0-96", after), [], [0, 100 * minute], "evse")[0]!;
  expect(["Offline 96-", "Offline 96-101", "Offline 96-900"].map((after) => ends(after).down)).toEqual([0, 0, 0]);
  const [now] = uptimesOf(line(1, 1, "Available 0-95", "Offline 95-"), [], [0, 100 * minute], "evse");
  expect(now!.down).toBe(5 * minute);
});

test("a port is up while one of its connectors is, and down where all are, for whatever reasons", () => {
  const two = [
    ...line(1, 1, "Available 0-100", "Faulted 100-400", "Available 400-"),
    ...line(1, 2, "Charging 0-200", "Unavailable 200-300", "Available 300-"),
  ];
  const [port] = ofDay(two);
  expect(port!.outage).toBe(100 * minute);
  expect(port!.byStatus).toEqual({ Offline: 0, Faulted: 100 * minute, Unavailable: 0 });
  const connectors = uptimesOf(two, [], [0, day * minute], "connector");
  expect(connectors.map(({ connectorId, outage }) => [connectorId, outage / minute])).toEqual([
    [1, 300],
    [2, 100],
  ]);
});

test("connector 0 of 1.6 takes every port down while it is out of order, and is no port itself", () => {
  const ports = ofDay([
    ...line(0, 0, "Available 0-600", "Unavailable 600-660", "Available 660-"),
    ...line(1, 1, "Available 0-"),
    ...line(2, 1, "Available 0-630", "Faulted 630-690", "Available 690-"),
  ]);
  expect(ports.map(({ evseId, outage }) => [evseId, outage / minute])).toEqual([
    [1, 60],
    [2, 90],
  ]);
});

test("what was before the first report is not counted, and a port that is not there yet has no uptime", () => {
  const ports = ofDay([...line(1, 1, "Faulted 1080-1116", "Available 1116-"), ...line(2, 1, "Available 2000-")]);
  expect(ports.map(({ evseId, observed }) => [evseId, observed / minute])).toEqual([[1, 360]]);
  expect(neviPercent(ports[0]!)).toBe(90);
});

test("an exclusion of one EVSE leaves its neighbour alone, and two that overlap count once", () => {
  const both = [...line(1, 1, "Faulted 0-"), ...line(2, 1, "Faulted 0-")];
  const [one, other] = ofDay(both, [excluded(0, 720, true, 1), excluded(360, 1080, true, 1)]);
  expect([neviPercent(one!), neviPercent(other!)]).toEqual([75, 0]);
  expect(ownPercent(one!)).toBe(0);
});

test("where everything was excluded there is no own uptime, and NEVI's is that of its outages", () => {
  const [port] = ofDay(line(1, 1, "Faulted 0-"), [excluded(0, day, true)]);
  expect([neviPercent(port!), ownPercent(port!)]).toEqual([100, null]);
});

test("of a group the minutes are added up: a port that came later counts for as long as it was there", () => {
  const ports = ofDay([...line(1, 1, "Available 0-"), ...line(2, 1, "Faulted 1080-")]);
  const sum = ports.reduce(added, noUptime);
  expect(sum).toMatchObject({ ports: 2, observed: 1_800 * minute, outage: 360 * minute });
  expect(neviPercent(sum)).toBe(80);
  expect(neviPercent(noUptime)).toBeNull();
});

/** Minute by minute, as somebody with a list and a pencil would: no spans. */
function byMinute(intervals: readonly Interval[], exclusions: readonly Excluded[], minutes: number) {
  const counted = { observed: 0, outage: 0, neviExcluded: 0, excluded: 0, down: 0 };
  for (let n = 0; n < minutes; n++) {
    const at = n * minute;
    const now = intervals.filter(({ from_at, to_at }) => from_at <= at && at < to_at);
    if (now.length === 0) continue;
    const isDown = (status: string) => ["Offline", "Faulted", "Unavailable"].includes(status);
    const isLong = ({ status, from_at, to_at }: Interval) =>
      isDown(status) && (status !== "Offline" || Math.min(to_at, minutes * minute) - from_at >= 5 * minute);
    const covering = exclusions.filter(({ span }) => span[0] <= at && at < span[1]);
    const out = now.every(({ status }) => isDown(status));
    counted.observed += minute;
    if (out) counted.outage += minute;
    if (covering.length > 0) counted.excluded += minute;
    if (out && covering.some(({ byNevi }) => byNevi)) counted.neviExcluded += minute;
    if (now.every(isLong) && covering.length === 0) counted.down += minute;
  }
  return counted;
}

test("whatever the timelines and exclusions, spans count what a count of minutes counts", () => {
  const statuses = fc.constantFrom("Available", "Charging", "Offline", "Faulted", "Unavailable");
  const timeline = (connector: number) =>
    fc.array(fc.tuple(statuses, fc.integer({ min: 1, max: 12 })), { minLength: 1, maxLength: 12 }).map((steps) => {
      let at = 0;
      return steps.map(([status, length], index): Interval => {
        const from_at = at * minute;
        at += length;
        const to_at = index === steps.length - 1 ? openEnd : at * minute;
        return { evse_id: 1, connector_id: connector, status, from_at, to_at };
      });
    });
  const exclusion = fc
    .tuple(fc.integer({ min: 0, max: 90 }), fc.integer({ min: 0, max: 40 }), fc.boolean())
    .map(([from, length, nevi]) => excluded(from, from + length, nevi));
  const anything = fc.tuple(timeline(1), timeline(2), fc.array(exclusion, { maxLength: 4 }));
  fc.assert(
    fc.property(anything, ([one, other, exclusions]) => {
      const intervals = [...one, ...other];
      const [port] = uptimesOf(intervals, exclusions, [0, 100 * minute], "evse");
      expect(port).toMatchObject(byMinute(intervals, exclusions, 100));
    }),
    { numRuns: 300 },
  );
});
