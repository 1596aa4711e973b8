// Promise 6: what cannot be parsed, validated or folded is kept verbatim, answered as the protocol wants, quarantined,
// counted, and can be redriven.
import { expect, test } from "vitest";

import type { QuarantineView } from "../harness/rest.ts";
import { bootedStation, type Protocol } from "../harness/station.ts";
import { onEachSystem, otherGateway } from "../harness/system.ts";
import { lastAnswer } from "../harness/wait.ts";

interface Garbage {
  readonly bytes: string;
  readonly reason: string;
  /** Id and code of the CALLERROR that it gets in this version; none: it must stay without an answer (ocpp.md). */
  readonly answer?: Readonly<Partial<Record<Protocol, readonly [string, string]>>>;
}

const unreadable = { "ocpp2.0.1": ["-1", "RpcFrameworkError"], "ocpp2.1": ["-1", "RpcFrameworkError"] } as const;
const inEach = (id: string, code: string) =>
  ({ "ocpp1.6": [id, code], "ocpp2.0.1": [id, code], "ocpp2.1": [id, code] }) as const;
const only201 = (id: string) => ({ "ocpp2.0.1": [id, "MessageTypeNotSupported"] }) as const;
const nestedTooDeep = `${"[".repeat(40)}${"]".repeat(40)}`;

const garbage: readonly Garbage[] = [
  { bytes: "hello", reason: "notJson", answer: unreadable },
  { bytes: '[2,"t-1","Heartbeat",{', reason: "notJson", answer: unreadable },
  { bytes: '[2,"n-1","Heart\u0001beat",{}]', reason: "notJson", answer: unreadable },
  { bytes: '[2,"x-1","Heartbeat",{"a":NaN}]', reason: "notJson", answer: unreadable },
  { bytes: '{"a":1}', reason: "notAnArray", answer: unreadable },
  { bytes: `[2,"d-1","Heartbeat",${nestedTooDeep}]`, reason: "tooDeep", answer: unreadable },
  { bytes: "[]", reason: "unknownMessageType", answer: only201("-1") },
  { bytes: '[9,"u-1","Heartbeat",{}]', reason: "unknownMessageType", answer: only201("u-1") },
  { bytes: '[2,"m-1","Heartbeat"]', reason: "missingElements", answer: inEach("m-1", "ProtocolError") },
  { bytes: '[2,"a-1",7,{}]', reason: "badAction", answer: inEach("a-1", "ProtocolError") },
  { bytes: '[3,"nobody-asked",{}]', reason: "unsolicitedResult" },
];

const byText = (a: unknown, b: unknown): number => JSON.stringify(a).localeCompare(JSON.stringify(b));

onEachSystem("promise 6, no frame is swallowed", (system, _place, { onceUp }) => {
  const here = (): string => system().gateways[0].url;
  const elsewhere = (): string => otherGateway(system()).url;
  const counted = async (): Promise<number> => (await system().metrics()).get("wattlog_quarantine_total") ?? 0;
  let before = 0;
  onceUp(async () => {
    before = await counted();
  });

  for (const protocol of ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"] as const) {
    test(`${protocol}: ${garbage.length} kinds of garbage are kept verbatim, answered as the protocol wants, one row each`, async () => {
      const id = `GARBAGE-${protocol}`;
      const neighbour = await bootedStation({ url: elsewhere(), id: `NEIGHBOUR-${protocol}`, protocol });
      const station = await bootedStation({ url: here(), id, protocol });
      for (const { bytes } of garbage) station.sendRaw(bytes);
      // Answers keep their order: when this one is there, so is everything before it that will ever come.
      await station.call("Heartbeat", {});
      await neighbour.call("Heartbeat", {});
      const rows = await quarantineOf(id, garbage.length);
      const kept = rows.map(({ bytesBase64, reason }) => ({
        bytes: Buffer.from(bytesBase64, "base64").toString("utf8"),
        reason,
      }));
      expect(kept.toSorted(byText)).toEqual(garbage.map(({ bytes, reason }) => ({ bytes, reason })).toSorted(byText));
      const errors = station.received.filter(({ frame }) => frame[0] === 4);
      const expected = garbage.flatMap(({ answer }) => (answer?.[protocol] === undefined ? [] : [answer[protocol]]));
      expect(errors.map(({ frame }) => [frame[1], frame[2]]).toSorted(byText)).toEqual(expected.toSorted(byText));
      for (const { frame, text } of errors) expect(frame, `the answer ${text}`).toHaveLength(5);
      expect(
        errors.some(({ text }) => text.includes("hello")),
        "an error that embeds the raw text",
      ).toBe(false);
      expect(await system().rest.all(`/quarantine?station=${neighbour.id}`)).toEqual([]);
      await station.close();
      await neighbour.close();
    });
  }

  function quarantineOf(station: string, count: number): Promise<QuarantineView[]> {
    return lastAnswer(
      () => system().rest.all<QuarantineView>(`/quarantine?station=${encodeURIComponent(station)}`),
      (rows) => rows.length >= count,
    );
  }

  test("unknown actions and schema violations are answered, annotated and folded, not quarantined", async () => {
    const id = "ODD-16";
    const station = await bootedStation({ url: here(), id });
    const odd: readonly (readonly [string, object, number, string?])[] = [
      ["Teleport", {}, 4, "NotImplemented"],
      ["RemoteStartTransaction", { idTag: "X" }, 4, "NotSupported"],
      ["Heartbeat", { surplus: true }, 3],
      ["StatusNotification", { connectorId: 1, errorCode: "Error", status: "Available" }, 3],
      [
        "BootNotification",
        { chargePointVendor: "V", chargePointModel: "M", chargePointSerialNumber: "9".repeat(33) },
        3,
      ],
      ["MeterValues", { connectorId: 1, meterValue: [{ timestamp: "yesterday", sampledValue: [{ value: 7 }] }] }, 3],
      ["StopTransaction", { transactionId: -1, timestamp: "2026-01-01T00:00:00Z", meterStop: -1.5 }, 3],
    ];
    for (const [action, payload, type, code] of odd) {
      const { frame, text } = await station.exchange(station.frame(action, payload));
      expect(frame[0], `${action}: ${text}`).toBe(type);
      expect(code === undefined || frame[2] === code, `${action}: ${text}`).toBe(true);
    }
    await station.close();
    const frames = await system().rest.get<{ items: readonly unknown[] }>(`/frames?station=${id}`);
    expect(JSON.stringify(frames.items)).toContain("Teleport");
    expect(await system().rest.all(`/quarantine?station=${id}`)).toEqual([]);
  });

  test("bytes that are no UTF-8 end that connection, as RFC 6455 wants, and its neighbour goes on", async () => {
    const station = await bootedStation({ url: here(), id: "NOT-UTF8" });
    const neighbour = await bootedStation({ url: elsewhere(), id: "UTF8" });
    station.sendRaw(Buffer.from([0x5b, 0x32, 0xff, 0xfe, 0x5d]));
    // The WebSocket server fails the connection itself, without a close frame: 1006 is what the station sees.
    expect([1006, 1007]).toContain((await station.closed).code);
    expect(await neighbour.call("Heartbeat", {})).toHaveProperty("currentTime");
    await neighbour.close();
  });

  test("everything that was quarantined has been counted", async () => {
    const total = await lastAnswer(
      async () => (await counted()) - before,
      (count) => count >= garbage.length * 3,
    );
    expect(total).toBe(garbage.length * 3);
  });
});
