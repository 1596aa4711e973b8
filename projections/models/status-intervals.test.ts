import { expect, test } from "vitest";

import type { DomainEvent } from "../../core/records/domain-event.ts";
import { StationWriter } from "../testing/events.ts";
import { openEnd } from "../../core/store/status-interval.ts";
import { StatusIntervals } from "./status-intervals.ts";

const noon = 1_750_000_000_000;

/** @returns of each connector `status (cause) from-to` in seconds since noon, in order */
function timeline(events: readonly DomainEvent[]): Record<string, string[]> {
  const intervals = new StatusIntervals({ tableSet: 1, partition: 0 });
  for (const event of events) intervals.take(event, undefined);
  const shown: Record<string, string[]> = {};
  const seconds = (at: number) => (at === openEnd ? "" : String((at - noon) / 1_000));
  for (const row of intervals.dirty()) {
    const of = (shown[`${row.evse_id}/${row.connector_id}`] ??= []);
    const fault = row.fault_code === null ? "" : ` ${row.fault_code}`;
    of.push(`${row.status}${fault} (${row.cause}) ${seconds(row.from_at)}-${seconds(row.to_at)}`);
  }
  return shown;
}

test("offline is an interval of every connector, with its reason; back online they are what they said last", () => {
  const writer = new StationWriter("CP-A", noon);
  const events = [
    writer.online(),
    writer.status(1, "Available"),
    writer.status(2, "Faulted", "GroundFailure"),
    writer.offline(),
    writer.online(),
    writer.status(2, "Available"),
  ];
  expect(timeline(events)).toEqual({
    "1/1": ["Available (reported) 2-4", "Offline (1012) 4-5", "Available (reconnected) 5-"],
    "1/2": [
      "Faulted GroundFailure (reported) 3-4",
      "Offline GroundFailure (1012) 4-5",
      "Faulted GroundFailure (reconnected) 5-6",
      "Available (reported) 6-",
    ],
  });
});

test("the same status again, a second connection and a second end begin nothing", () => {
  const writer = new StationWriter("CP-A", noon);
  const events = [
    writer.online(),
    writer.status(1, "Available"),
    writer.status(1, "Available"),
    writer.online(),
    writer.offline(),
    writer.offline(),
  ];
  expect(timeline(events)).toEqual({ "1/1": ["Available (reported) 2-5", "Offline (1012) 5-"] });
});

test("a fault without a code is one all the same, and an error code without a fault is kept", () => {
  const writer = new StationWriter("CP-A", noon);
  const events = [writer.status(1, "Faulted"), writer.status(1, "Available", "WeakSignal")];
  expect(timeline(events)).toEqual({
    "1/1": ["Faulted Faulted (reported) 1-2", "Available WeakSignal (reported) 2-"],
  });
});

test("where the log's time steps back, no interval ends before it began", () => {
  const writer = new StationWriter("CP-A", noon);
  const events = [writer.status(1, "Available"), { ...writer.status(1, "Charging"), logTime: noon - 5_000 }];
  expect(timeline(events)).toEqual({ "1/1": ["Available (reported) 1-1", "Charging (reported) 1-"] });
});
