import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";

import type { Payload, Protocol } from "./dialect.ts";
import { Fleet } from "./fleet.ts";
import type { JournalLine, RequestedLine } from "./journal-format.ts";
import { MockCsms } from "./mock-csms.test-helper.ts";
import { defaultOptions } from "./options.ts";
import { schemaErrors } from "./schemas.test-helper.ts";

const cleanups: Array<() => unknown> = [];
afterEach(() => Promise.all(cleanups.splice(0).map((cleanup) => cleanup())));

async function startFleet(protocol: Protocol | "mixed", more: Partial<typeof defaultOptions> = {}, given?: MockCsms) {
  const mock = given ?? (await new MockCsms().listen());
  const lines: JournalLine[] = [];
  const abort = new AbortController();
  const journal = {
    append: (line: JournalLine) => void lines.push(line),
    whenDurable: (action: () => void) => action(),
    close: () => Promise.resolve(),
  };
  const options = {
    ...defaultOptions,
    url: mock.url,
    stations: 1,
    protocol,
    speed: 60,
    runId: "run",
    graceSeconds: 5,
    ...more,
  };
  const fleet = new Fleet(options, { journal, signal: abort.signal, plans: { idleSteps: [50, 50] } });
  const done = fleet.run();
  const end = async () => {
    abort.abort();
    return done;
  };
  cleanups.push(async () => {
    await end();
    await mock.close();
  });
  await expect
    .poll(() => mock.calls.filter(({ action }) => action === "StatusNotification").length)
    .toBeGreaterThanOrEqual(options.stations);
  return { mock, lines, end };
}

const requests16: ReadonlyArray<[string, Payload, string | undefined]> = [
  ["RemoteStopTransaction", { transactionId: 99 }, "Rejected"],
  ["ChangeAvailability", { connectorId: 1, type: "Inoperative" }, "Accepted"],
  ["ChangeAvailability", { connectorId: 1, type: "Operative" }, "Accepted"],
  ["UnlockConnector", { connectorId: 9 }, "NotSupported"],
  ["UnlockConnector", { connectorId: 1 }, "Unlocked"],
  ["TriggerMessage", { requestedMessage: "MeterValues", connectorId: 1 }, "Accepted"],
  ["TriggerMessage", { requestedMessage: "BootNotification" }, "Accepted"],
  ["ChangeConfiguration", { key: "HeartbeatInterval", value: "60" }, "Accepted"],
  ["ChangeConfiguration", { key: "Nonsense", value: "1" }, "NotSupported"],
  ["GetConfiguration", { key: ["heartbeatinterval", "Nonsense"] }, undefined],
  ["GetCompositeSchedule", { connectorId: 1, duration: 60 }, "Accepted"],
  ["GetLocalListVersion", {}, undefined],
  ["SendLocalList", { listVersion: 1, updateType: "Full" }, "Accepted"],
  ["ClearCache", {}, "Accepted"],
  ["ClearChargingProfile", {}, "Unknown"],
  ["GetDiagnostics", { location: "ftp://x" }, undefined],
  ["ReserveNow", { connectorId: 1, expiryDate: "2030-01-01T00:00:00Z", idTag: "A", reservationId: 1 }, "Rejected"],
  ["DataTransfer", { vendorId: "x" }, "UnknownVendorId"],
];

const requests201: ReadonlyArray<[string, Payload, string | undefined]> = [
  ["RequestStopTransaction", { transactionId: "none" }, "Rejected"],
  ["ChangeAvailability", { evse: { id: 1 }, operationalStatus: "Inoperative" }, "Accepted"],
  ["ChangeAvailability", { operationalStatus: "Operative" }, "Accepted"],
  ["ChangeAvailability", { evse: { id: 7 }, operationalStatus: "Operative" }, "Rejected"],
  ["UnlockConnector", { evseId: 1, connectorId: 1 }, "Unlocked"],
  ["UnlockConnector", { evseId: 1, connectorId: 2 }, "UnknownConnector"],
  ["TriggerMessage", { requestedMessage: "MeterValues", evse: { id: 1 } }, "Accepted"],
  ["TriggerMessage", { requestedMessage: "SignV2GCertificate" }, "NotImplemented"],
  [
    "GetVariables",
    { getVariableData: [{ component: { name: "OCPPCommCtrlr" }, variable: { name: "MessageTimeout" } }] },
    undefined,
  ],
  [
    "GetVariables",
    { getVariableData: [{ component: { name: "__proto__" }, variable: { name: "constructor" } }] },
    undefined,
  ],
  [
    "SetVariables",
    { setVariableData: [{ attributeValue: "1", component: { name: "X" }, variable: { name: "Y" } }] },
    undefined,
  ],
  ["GetBaseReport", { requestId: 5, reportBase: "FullInventory" }, "Accepted"],
  ["GetTransactionStatus", { transactionId: "none" }, undefined],
  ["GetLocalListVersion", {}, undefined],
  ["ClearCache", {}, "Accepted"],
  ["DataTransfer", { vendorId: "x" }, "UnknownVendorId"],
];

test.each([
  ["1.6", requests16],
  ["2.0.1", requests201],
  ["2.1", requests201],
] as const)("a %s station answers every command as its schema wants it", async (protocol, requests) => {
  const { mock, lines } = await startFleet(protocol);
  for (const [i, [action, payload, status]] of requests.entries()) {
    expect(schemaErrors(protocol, action, "req", payload)).toEqual([]);
    mock.command("SIM-000001", `cmd-${i}`, action, payload);
    await expect.poll(() => mock.commandAnswers.get(`cmd-${i}`)).toBeDefined();
    const answer = mock.commandAnswers.get(`cmd-${i}`) ?? [];
    expect(answer[0]).toBe(3);
    expect(schemaErrors(protocol, action, "conf", answer[2])).toEqual([]);
    expect([action, (answer[2] as Payload)["status"]]).toEqual([action, status]);
  }
  const seen = lines.flatMap((line) => (line.kind === "command" ? [line.id] : []));
  expect(seen).toEqual(requests.map((_, i) => `cmd-${i}`));
  expect(lines.filter((line) => line.kind === "commandAnswer" && line.sent)).toHaveLength(requests.length);
  for (const { action, payload } of mock.calls) expect(schemaErrors(protocol, action, "req", payload)).toEqual([]);
  const parts = mock.callsOf("SIM-000001", "NotifyReport").map(({ payload }) => [payload["seqNo"], payload["tbc"]]);
  const pages = [
    [0, true],
    [1, false],
  ];
  expect(parts).toEqual(protocol === "1.6" ? [] : pages);
});

test("an unknown action is answered with NotImplemented", async () => {
  const { mock } = await startFleet("1.6");
  mock.command("SIM-000001", "x", "toString", {});
  await expect.poll(() => mock.commandAnswers.get("x")?.slice(0, 3)).toEqual([4, "x", "NotImplemented"]);
});

test.each([
  ["1.6", "RemoteStartTransaction", { connectorId: 1, idTag: "VISITOR" }, "RemoteStopTransaction"],
  [
    "2.0.1",
    "RequestStartTransaction",
    { evseId: 1, remoteStartId: 77, idToken: { idToken: "VISITOR", type: "ISO14443" } },
    "RequestStopTransaction",
  ],
] as const)(
  "%s: a remote start really starts a session with its token, a remote stop ends it",
  async (protocol, start, payload, stop) => {
    const { mock, lines } = await startFleet(protocol);
    mock.command("SIM-000001", "start", start, payload);
    await expect
      .poll(() => mock.callsOf("SIM-000001", "StartTransaction", "TransactionEvent").length)
      .toBeGreaterThan(0);
    const first = mock.callsOf("SIM-000001", "StartTransaction", "TransactionEvent")[0];
    expect(JSON.stringify(first?.payload)).toContain("VISITOR");
    const remote = protocol === "1.6" ? '"connectorId":1' : '"remoteStartId":77';
    expect(JSON.stringify(first?.payload)).toContain(remote);
    mock.command("SIM-000001", "again", start, payload);
    await expect.poll(() => mock.commandAnswers.get("again")?.[2]).toEqual({ status: "Rejected" });
    const begun = lines.find((line) => line.kind === (protocol === "1.6" ? "txId" : "txStart"));
    const transactionId = begun !== undefined && "csmsTx" in begun ? begun.csmsTx : null;
    mock.command("SIM-000001", "stop", stop, { transactionId });
    await expect
      .poll(() => lines.find((line) => line.kind === "txEnd"))
      .toMatchObject({ answered: true, idToken: "VISITOR" });
  },
);

test("a reset ends the session, reconnects and boots again", async () => {
  const { mock } = await startFleet("2.0.1");
  mock.command("SIM-000001", "r", "Reset", { type: "Immediate" });
  await expect.poll(() => mock.callsOf("SIM-000001", "BootNotification").length, { timeout: 4000 }).toBe(2);
  expect(mock.callsOf("SIM-000001", "BootNotification")[1]?.payload["reason"]).toBe("RemoteReset");
});

/** As much of the REST API as the driver uses: each key is one command, and a command is done once it was answered. */
async function startApi(
  deliver: (station: string, id: string, body: Payload) => void,
  outcome: (id: string) => Payload,
) {
  const byKey = new Map<string, string>();
  let posts = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const [, station, command] =
        /^\/api\/v1\/(?:stations\/([^/]+)\/commands|commands\/(.+))$/.exec(request.url ?? "") ?? [];
      if (request.headers.authorization !== "Bearer secret") return response.writeHead(401).end("{}");
      if (station === undefined) return response.end(JSON.stringify(outcome(command ?? "")));
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Payload;
      const key = typeof body["idempotencyKey"] === "string" ? body["idempotencyKey"] : `random-${posts}`;
      const known = byKey.get(key);
      const id = known ?? `id-${++posts}`;
      byKey.set(key, id);
      if (known === undefined) deliver(station, id, body);
      return response.writeHead(202).end(JSON.stringify({ id, status: "requested", outcome: null }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  cleanups.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  return { api: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, posts: () => posts };
}

test("commands asked for through REST are schema-true, reach their station once and are followed to their outcome", async () => {
  const mock = await new MockCsms().listen();
  const sent: Array<{ station: string; id: string; body: Payload }> = [];
  const { api } = await startApi(
    (station, id, body) => {
      sent.push({ station, id, body });
      mock.command(station, id, String(body["action"]), body["payload"] as Payload);
    },
    (id) => (mock.commandAnswers.has(id) ? { id, status: "done", outcome: "accepted" } : { id, status: "sent" }),
  );
  const commands = { commands: 40, commandTimeoutSeconds: 7, api, token: "secret" };
  const { end, lines } = await startFleet("mixed", { stations: 5, ...commands }, mock);
  await expect.poll(() => sent.length, { timeout: 8000 }).toBeGreaterThan(60);
  const last = await end();
  expect({ failed: last.counts.commandsFailed, pending: last.commandsPending }).toEqual({ failed: 0, pending: 0 });
  const protocols = new Map(
    lines.flatMap((line) => (line.kind === "connected" ? [[line.station, line.protocol]] : [])),
  );
  const errors = sent.flatMap(({ station, body }) =>
    schemaErrors(protocols.get(station) as Protocol, String(body["action"]), "req", body["payload"]),
  );
  expect(errors).toEqual([]);
  expect(new Set(sent.map(({ body }) => body["timeoutSeconds"]))).toEqual(new Set([7]));
  expect(new Set(sent.map(({ body }) => body["action"])).size).toBeGreaterThan(8);
  const final = new Map<string | null, RequestedLine>();
  for (const line of lines) if (line.kind === "requested") final.set(line.commandId, line);
  const asked = sent.map(({ id }) => id);
  expect([...final.keys()]).toHaveLength(asked.length);
  expect(new Set(final.keys())).toEqual(new Set(asked));
  expect([...final.values()].filter(({ status, outcome }) => status !== "done" || outcome !== "accepted")).toEqual([]);
  const reached = lines.flatMap((line) => (line.kind === "command" ? [line.id] : []));
  expect(reached).toEqual(expect.arrayContaining(asked));
  expect(reached).toHaveLength(asked.length);
  const keys = lines.flatMap((line) =>
    line.kind === "requested" && line.idempotencyKey !== null ? [line.idempotencyKey] : [],
  );
  expect(keys.length).toBeGreaterThan(0);
});
