import { describe, expect, it, test } from "vitest";

import { limits } from "../../core/config/limits.ts";
import { besideSiblings, connectorStatus, evseStatus, type ConnectorFacts } from "./evse-status.ts";

const now = 1_800_000_000_000;
const registeredAt = now - 86_400_000;
const at = now - 60_000;

function facts(status: string | undefined, more: Partial<ConnectorFacts> = {}): ConnectorFacts {
  const reported = status === undefined ? undefined : { status, at };
  return { reported, whole: undefined, offlineSince: undefined, chargingSince: undefined, ...more };
}

const statusOf = (of: ConnectorFacts, occupied: "BLOCKED" | "CHARGING" = "BLOCKED") =>
  connectorStatus(of, occupied, now, registeredAt);

describe("the status of a connector (OCPI 2.2.1, Locations, Status)", () => {
  it.each([
    ["Available", "AVAILABLE"],
    ["Charging", "CHARGING"],
    ["SuspendedEV", "CHARGING"],
    ["SuspendedEVSE", "CHARGING"],
    ["Preparing", "BLOCKED"],
    ["Finishing", "BLOCKED"],
    ["Occupied", "BLOCKED"],
    ["Reserved", "RESERVED"],
    ["Unavailable", "INOPERATIVE"],
    ["Faulted", "OUTOFORDER"],
  ])("%s is %s", (status, ocpi) => expect(statusOf(facts(status))).toEqual({ status: ocpi, since: at }));

  it.each(["Preparing", "Finishing", "Occupied"])("%s is CHARGING where the operator says so", (status) =>
    expect(statusOf(facts(status), "CHARGING").status).toBe("CHARGING"),
  );

  test("an open transaction is CHARGING, offline or not; what is broken stays broken", () => {
    const open = { chargingSince: at, offlineSince: now - 2 * limits.ocpiOfflineGraceMs };
    for (const status of ["Occupied", "Available", "SuspendedEV", undefined]) {
      expect([status, statusOf(facts(status, open)).status]).toEqual([status, "CHARGING"]);
    }
    expect(statusOf(facts("Faulted", { chargingSince: at })).status).toBe("OUTOFORDER");
  });

  test("a station that went offline keeps its status for the grace, and is UNKNOWN from its end on", () => {
    const gone = (ms: number) => statusOf(facts("Available", { offlineSince: now - ms }));
    expect(gone(limits.ocpiOfflineGraceMs - 1)).toEqual({ status: "AVAILABLE", since: at });
    expect(gone(limits.ocpiOfflineGraceMs)).toEqual({ status: "UNKNOWN", since: now });
    // Since when does not move with the clock, so a partner that asks by date is told once.
    expect(gone(limits.ocpiOfflineGraceMs + 3_600_000)).toEqual({ status: "UNKNOWN", since: now - 3_600_000 });
  });

  test("what nobody reported is UNKNOWN; a station that is out of service as a whole is so at each connector", () => {
    expect(statusOf(facts(undefined))).toEqual({ status: "UNKNOWN", since: registeredAt });
    const whole = { status: "Unavailable", at: at + 1 };
    expect(statusOf(facts("Available", { whole }))).toEqual({ status: "INOPERATIVE", since: at + 1 });
    expect(statusOf(facts("Faulted", { whole })).status).toBe("OUTOFORDER");
    expect(statusOf(facts("Available", { whole: { status: "Available", at } })).status).toBe("AVAILABLE");
  });
});

test("one EVSE over several connectors (grouped) says what a driver can do: one that charges takes it, one that is free frees it", () => {
  const of = (...statuses: string[]) =>
    evseStatus(
      statuses.map((status) => statusOf(facts(status))),
      registeredAt,
    ).status;
  expect(of("Available", "Charging")).toBe("CHARGING");
  expect(of("Available", "Faulted")).toBe("AVAILABLE");
  expect(of("Unavailable", "Faulted")).toBe("OUTOFORDER");
  expect(of()).toBe("UNKNOWN");
});

test("an EVSE a connector (virtual): a free one beside a taken one is BLOCKED, one that is taken or broken is itself", () => {
  const [free, taken, broken] = ["Available", "Charging", "Faulted"].map((status) => statusOf(facts(status))) as [
    ReturnType<typeof statusOf>,
    ReturnType<typeof statusOf>,
    ReturnType<typeof statusOf>,
  ];
  expect(besideSiblings(free, [broken, { ...taken, since: at + 5 }])).toEqual({ status: "BLOCKED", since: at + 5 });
  expect(besideSiblings(free, [free, broken])).toEqual(free);
  expect(besideSiblings(broken, [taken])).toEqual(broken);
  expect(besideSiblings(taken, [taken])).toEqual(taken);
});
