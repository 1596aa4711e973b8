// Sessions of stations whose clock cannot be true (decision 25): how long they took is told by that clock where it can be.
import { expect, test } from "vitest";

import type { FrameRecord, Protocol } from "../core/records/frame-record.ts";
import { cdrsIn, foldSteps, t0, timed } from "./folding.test-helper.ts";
import { idOf, Line, other, register } from "./station.test-helper.ts";

const second = 1_000;
const hour = 3_600_000;
/** Of the two records that begin each story. */
const connectedBy = t0 + 2 * second;

interface Clock {
  readonly name: string;
  readonly start: string;
  readonly stop: string;
  /** How long the start waits for its way to the log, and the stop after it. */
  readonly waits?: readonly [number, number];
  readonly isBootBetween?: boolean;
  /** By log time since the connection. */
  readonly from: number;
  readonly to: number;
  readonly words?: readonly string[];
}

const both = ["startTimeImplausible", "stopTimeImplausible"];

const clocks: readonly Clock[] = [
  {
    name: "1970: the stop comes two hours late, and changes nothing of how long it took",
    start: "1970-01-01T00:00:10Z",
    stop: "1970-01-01T01:00:10Z",
    waits: [0, 3 * hour],
    from: second,
    to: second + hour,
  },
  {
    name: "1970: both waited, so it ended before the log had its stop",
    start: "1970-01-01T00:00:10Z",
    stop: "1970-01-01T01:00:10Z",
    waits: [5 * hour, 0],
    from: 4 * hour + 2 * second,
    to: 5 * hour + 2 * second,
  },
  {
    name: "ahead by a day: a clock like any other that is wrong",
    start: new Date(t0 + 24 * hour).toISOString(),
    stop: new Date(t0 + 25 * hour).toISOString(),
    waits: [0, 2 * hour],
    from: second,
    to: second + hour,
  },
  {
    name: "1970 before a boot, 1970 after it: two clocks, and the log's time alone",
    start: "1970-01-01T00:00:10Z",
    stop: "1970-01-01T00:50:00Z",
    isBootBetween: true,
    waits: [0, 2 * hour],
    from: second,
    to: 3 * second + 2 * hour,
  },
  {
    name: "a clock that goes back was set",
    start: "1970-01-01T00:30:00Z",
    stop: "1970-01-01T00:00:10Z",
    waits: [0, hour],
    from: second,
    to: 2 * second + hour,
  },
  {
    name: "a clock that stands still tells nothing",
    start: "1970-01-01T00:00:00Z",
    stop: "1970-01-01T00:00:00Z",
    waits: [0, hour],
    from: second,
    to: 2 * second + hour,
  },
  {
    name: "0001 is no clock",
    start: "0001-01-01T00:00:00Z",
    stop: "0001-01-01T00:10:00Z",
    waits: [0, hour],
    from: second,
    to: 2 * second + hour,
  },
  {
    name: "from 1970 to 2000 is no session",
    start: "1970-01-01T00:00:10Z",
    stop: "2000-01-01T00:00:10Z",
    waits: [0, hour],
    from: second,
    to: 2 * second + hour,
  },
  {
    name: "a clock that is put right in between: its time is the stop's",
    start: "1970-01-01T00:00:10Z",
    stop: new Date(connectedBy + hour).toISOString(),
    waits: [0, 2 * hour],
    from: second,
    to: hour,
    words: ["startTimeImplausible"],
  },
];

const versions: readonly Protocol[] = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"];

function messages(line: Line, { start, stop }: Clock): readonly [FrameRecord, FrameRecord] {
  if (line.protocol === "ocpp1.6") {
    return [line.start({ timestamp: start }), line.stop(idOf({ timestamp: start }), { timestamp: stop })];
  }
  return [
    line.event("Started", "T1", 0, { ...register(1_000, "Transaction.Begin"), timestamp: start }),
    line.event("Ended", "T1", 1, { ...register(21_000, "Transaction.End"), timestamp: stop }),
  ];
}

const table = versions.flatMap((version) => clocks.map((clock) => ({ version, ...clock })));

test.each(table)("$version: $name", async ({ version, ...clock }) => {
  const line = new Line("CS1", version);
  const { waits = [0, 0], isBootBetween = false, from, to, words = both } = clock;
  const [start, stop] = messages(line, clock);
  const boot = isBootBetween ? [line.call("BootNotification", {})] : [];
  const tick = other(line.station).record({ kind: "tick", dueAt: t0 + 48 * hour });
  const steps = timed([line.connected(), line.claimed(), waits[0], start, ...boot, waits[1], stop, tick]);
  const folded = await foldSteps(steps);
  const [cdr, ...others] = cdrsIn(folded);
  expect(others).toEqual([]);
  expect({ from: cdr!.startedAt - connectedBy, to: cdr!.endedAt - connectedBy }).toEqual({ from, to });
  expect(cdr).toMatchObject({ energyMwh: 20_000_000, durationMs: to - from });
  expect(cdr!.annotations.filter((word) => word !== "noTariff")).toEqual(words);
  // Whoever shows the session is told of a start that was put right, and of the same end.
  const starts = folded.of("sessionUpdated").flatMap((e) => (e.start ? [e.start.startedAt] : []));
  expect([folded.of("sessionStarted")[0]!.startedAt, ...starts].at(-1)).toBe(cdr!.startedAt);
  expect(folded.of("sessionEnded")).toMatchObject([{ endedAt: cdr!.endedAt }]);
});
