// OCPP 2.0.1 part 2, blocks I (tariff texts on the display), O (display messages) and P (data transfer).
import { expect, test } from "vitest";

import { evse1, rfid, useCases, type Actor } from "./scene.ts";

const accepted = { status: "Accepted" } as const;
const text = (content: string) => ({ format: "UTF8", language: "en", content });
const message = (id: number, content: string, more: object = {}) => ({
  id,
  priority: "NormalCycle",
  message: text(content),
  ...more,
});

async function shows(station: Actor, shown: object): Promise<void> {
  const payload = { message: shown };
  await station.commanded({ action: "SetDisplayMessage", payload, answer: accepted, outcome: "accepted" });
}

useCases("I, O and P", (scene) => {
  test("I01 Show EV Driver-specific tariff information: the driver's text is shown for the transaction", async () => {
    const station = await scene.station("UC-I01");
    await station.event("Started", { transactionId: "i01" }, { idToken: rfid, evse: evse1 });
    await shows(station, message(1, "0.39 EUR/kWh for you", { transactionId: "i01" }));
    await station.lists("display-messages", [{ messageId: 1, transactionId: "i01" }]);
  });

  test("I06 Update Tariff Information During Transaction: the newer text takes its place", async () => {
    const station = await scene.station("UC-I06");
    await station.event("Started", { transactionId: "i06" }, { idToken: rfid, evse: evse1 });
    await shows(station, message(1, "0.39 EUR/kWh", { transactionId: "i06" }));
    await shows(station, message(1, "0.49 EUR/kWh", { transactionId: "i06" }));
    await station.lists("display-messages", [{ messageId: 1, message: text("0.49 EUR/kWh") }]);
    await station.session({ status: "active" });
  });

  test("O01 Set DisplayMessage: kept once accepted, not when the display cannot", async () => {
    const station = await scene.station("UC-O01");
    const set = { action: "SetDisplayMessage", payload: { message: message(1, "Hello") } };
    await station.commanded({ ...set, answer: { status: "NotSupportedMessageFormat" }, outcome: "rejected" });
    await station.lists("display-messages", []);
    await station.commanded({ ...set, answer: accepted, outcome: "accepted" });
    await station.lists("display-messages", [{ messageId: 1, priority: "NormalCycle", message: text("Hello") }]);
  });

  test("O02 Set DisplayMessage for Transaction: of an unknown one refused, of a running one kept", async () => {
    const station = await scene.station("UC-O02");
    const of = (transactionId: string) => message(2, "Yours", { transactionId });
    const set = { action: "SetDisplayMessage", payload: { message: of("none") } };
    await station.commanded({ ...set, answer: { status: "UnknownTransaction" }, outcome: "rejected" });
    await station.event("Started", { transactionId: "o02" }, { idToken: rfid, evse: evse1 });
    await shows(station, of("o02"));
    await station.lists("display-messages", [{ messageId: 2, transactionId: "o02" }]);
  });

  const notify = (requestId: number, shown: readonly object[], tbc = false) => ({ requestId, tbc, messageInfo: shown });

  test("O03 Get All DisplayMessages: what the station lists, in parts, is what it has", async () => {
    const station = await scene.station("UC-O03");
    const payload = { requestId: 1 };
    await station.commanded({ action: "GetDisplayMessages", payload, answer: accepted, outcome: "accepted" });
    expect(await station.call("NotifyDisplayMessages", notify(1, [message(7, "A")], true))).toEqual({});
    await station.call("NotifyDisplayMessages", notify(1, [message(8, "B")]));
    await station.lists("display-messages", [{ messageId: 7 }, { messageId: 8 }]);
    await station.has("reports", { kind: "displayMessages", requestId: "1", complete: true });
  });

  test("O04 Get Specific DisplayMessages: those asked for; none is told", async () => {
    const station = await scene.station("UC-O04");
    const ask = (requestId: number) => ({
      action: "GetDisplayMessages",
      payload: { requestId, priority: "AlwaysFront", state: "Charging" },
    });
    await station.commanded({ ...ask(1), answer: { status: "Unknown" }, outcome: "rejected" });
    await station.commanded({ ...ask(2), answer: accepted, outcome: "accepted" });
    const front = message(9, "Charging", { priority: "AlwaysFront", state: "Charging" });
    await station.call("NotifyDisplayMessages", notify(2, [front]));
    await station.lists("display-messages", [{ messageId: 9, priority: "AlwaysFront", state: "Charging" }]);
  });

  test("O05 Clear a DisplayMessage: gone; an unknown one is told", async () => {
    const station = await scene.station("UC-O05");
    await shows(station, message(3, "Hello"));
    const clear = (id: number) => ({ action: "ClearDisplayMessage", payload: { id } });
    await station.commanded({ ...clear(4), answer: { status: "Unknown" }, outcome: "rejected" });
    await station.lists("display-messages", [{ messageId: 3 }]);
    await station.commanded({ ...clear(3), answer: accepted, outcome: "accepted" });
    await station.lists("display-messages", []);
  });

  test("O06 Replace DisplayMessage: the same id, the newer text", async () => {
    const station = await scene.station("UC-O06");
    await shows(station, message(5, "Old"));
    await shows(station, message(5, "New"));
    await station.lists("display-messages", [{ messageId: 5, message: text("New") }]);
  });

  test("P01 Data Transfer to the Charging Station: what was sent and what came back", async () => {
    const station = await scene.station("UC-P01");
    const payload = { vendorId: "com.example", messageId: "Ping", data: { n: 1 } };
    const answer = { status: "Accepted", data: { pong: true } };
    await station.commanded({ action: "DataTransfer", payload, answer, outcome: "accepted" });
    await station.lists("data-transfers", [
      { direction: "toStation", vendorId: "com.example", messageId: "Ping", data: { n: 1 }, status: "Accepted" },
    ]);
  });

  test("P02 Data Transfer to the CSMS: of an unknown vendor answered so, and kept", async () => {
    const station = await scene.station("UC-P02");
    const sent = { vendorId: "com.nobody", messageId: "Hello", data: "x" };
    expect(await station.call("DataTransfer", sent)).toEqual({ status: "UnknownVendorId" });
    await station.lists("data-transfers", [
      { direction: "fromStation", vendorId: "com.nobody", data: "x", status: "UnknownVendorId" },
    ]);
  });
});
