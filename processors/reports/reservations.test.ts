import { expect, test } from "vitest";

import { t0 } from "../folding.test-helper.ts";
import { Line, other } from "../station.test-helper.ts";
import { after, documentsOf, told } from "./reports.test-helper.ts";

const inFuture = (minutes: number) => new Date(t0 + minutes * 60_000).toISOString();
const ok = { status: "Accepted" };
const tick = (minutes: number) => other("CS1").record({ kind: "tick", dueAt: t0 + minutes * 60_000 });

const reserve16 = (line: Line, reservationId: number, minutes = 60) =>
  told(line, "ReserveNow", { connectorId: 1, expiryDate: inFuture(minutes), idTag: "TAG1", reservationId }, ok);
const reserve2 = (line: Line, id: number) =>
  told(
    line,
    "ReserveNow",
    { id, expiryDateTime: inFuture(60), idToken: { idToken: "TAG1", type: "ISO14443" }, evseId: 2 },
    ok,
  );
const statusOf = async (line: Line, id: string, ...records: Parameters<typeof after>[1][]) =>
  documentsOf(await after(line, ...records), "reservations").get(id)?.["status"];

test("1.6 §5.13, 2.0.1 H01: what the station accepted is reserved, what it refused is not", async () => {
  const [old, young] = [new Line("CS1"), new Line("CS2", "ocpp2.0.1")];
  const first = documentsOf(await after(old, ...reserve16(old, 5)), "reservations");
  expect(first.get("5")).toMatchObject({ evseId: 1, idToken: "TAG1", status: "active", expiresAt: inFuture(60) });
  const second = documentsOf(await after(young, ...reserve2(young, 6)), "reservations");
  expect(second.get("6")).toMatchObject({ evseId: 2, idToken: "TAG1", status: "active" });
  const line = new Line("CS1");
  const refused = told(line, "ReserveNow", { connectorId: 1, idTag: "T", reservationId: 5 }, { status: "Occupied" });
  expect(documentsOf(await after(line, ...refused), "reservations").size).toBe(0);
});

test("a reservation ends once: by use, cancellation, the station's word or its expiry", async () => {
  const cancel = (line: Line) => told(line, "CancelReservation", { reservationId: 5 }, ok);
  const lines = Array.from({ length: 4 }, () => new Line("CS1"));
  expect(await statusOf(lines[0]!, "5", ...reserve16(lines[0]!, 5), ...cancel(lines[0]!))).toBe("cancelled");
  const use = lines[1]!.call(
    "StartTransaction",
    { connectorId: 1, idTag: "TAG1", reservationId: 5 },
    { transactionId: 9 },
  );
  expect(await statusOf(lines[1]!, "5", ...reserve16(lines[1]!, 5), use)).toBe("used");
  expect(await statusOf(lines[2]!, "5", ...reserve16(lines[2]!, 5, 10), tick(10))).toBe("expired");
  expect(await statusOf(lines[3]!, "5", ...reserve16(lines[3]!, 5, 10), tick(9))).toBe("active");
  const young = new Line("CS1", "ocpp2.0.1");
  const word = young.call("ReservationStatusUpdate", { reservationId: 5, reservationUpdateStatus: "Removed" });
  expect(await statusOf(young, "5", ...reserve2(young, 5), word)).toBe("removed");
  const late = new Line("CS1");
  expect(await statusOf(late, "5", ...reserve16(late, 5), ...cancel(late), tick(61))).toBe("cancelled");
});

test("H03: a 2.0.1 transaction that names the reservation uses it", async () => {
  const line = new Line("CS1", "ocpp2.0.1");
  const event = line.event("Started", "T-1", 0, { reservationId: 5 });
  const documents = documentsOf(await after(line, ...reserve2(line, 5), event), "reservations");
  expect(documents.get("5")).toMatchObject({ status: "used", transactionId: "T-1" });
});

test("quirk 6: reservationId 0 means none", async () => {
  const line = new Line("CS1");
  const start = line.call(
    "StartTransaction",
    { connectorId: 1, idTag: "TAG1", reservationId: 0 },
    { transactionId: 9 },
  );
  expect(await statusOf(line, "5", ...reserve16(line, 5), start)).toBe("active");
});

test("T2: the fold asks to be woken when the next reservation expires", async () => {
  const line = new Line("CS1");
  const { state } = await after(line, ...reserve16(line, 5, 30), ...reserve16(line, 6, 20));
  const { ocppFold } = await import("../ocpp-fold.ts");
  expect(ocppFold.dueAt(state)).toBe(t0 + 20 * 60_000);
});
