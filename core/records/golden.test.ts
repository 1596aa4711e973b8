// The wire shape of everything in the three topics, pinned. A log is kept for ever: a change of a hash here forces a new
// version and an upcaster.
import { createHash } from "node:crypto";
import { expect, test } from "vitest";

import { trusted } from "../ids/ids.ts";
import { decodeRecord, encodeRecord, kindNumbers } from "./codec.ts";
import { originOf } from "./command-origin.ts";
import { chainHash, chainStart, decodeEvent, encodeEvent, type EventBody, type EventKind } from "./domain-event.ts";
import type { FrameBody, FrameKind, FrameRecord, RecordEnvelope } from "./frame-record.ts";
import { unpack } from "./msgpack.ts";
import { decodeChange, encodeChange, type RegistryChange } from "./registry-change.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const sha256 = (value: Uint8Array): string => createHash("sha256").update(value).digest("hex").slice(0, 32);
const node = trusted.node("5a0c0d7e-0d4e-4a6e-9d0a-0c1f1b5f0001");
const connection = trusted.connection("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d");
const commandId = trusted.command("0b0f8f0e-6f0e-4b57-9a67-1c3f4c1d2e3f");
const sessionId = trusted.session("7c9e6679-7425-50de-944b-e07fc1f90ae7");

const envelope: RecordEnvelope = {
  party: trusted.party("DEWLG"),
  station: trusted.station("CS-1"),
  source: connection,
  sequence: 7,
  arrivedAt: 1_700_000_000_123,
  registry: { generation: 1, offset: 42 },
  keyId: null,
};

const frames: { readonly [Kind in FrameKind]: readonly [Extract<FrameBody, { kind: Kind }>, string] } = {
  connected: [
    { kind: "connected", nodeId: node, protocol: "ocpp1.6", securityProfile: 1, remoteAddress: "10.0.0.7" },
    "66e9b3fa9c3f57bf166409dd7e818fd4",
  ],
  claimed: [{ kind: "claimed", epoch: { generation: 1, offset: 41 } }, "9482218c411215de5aba41c018a1e7f5"],
  disconnected: [{ kind: "disconnected", code: 1012, reason: "drain" }, "b2dfe0e28627eb668ac5b8281864762d"],
  exchange: [
    {
      kind: "exchange",
      protocol: "ocpp2.0.1",
      action: "Authorize",
      messageId: "m-1",
      call: bytes('[2,"m-1","Authorize",{}]'),
      answer: bytes('[3,"m-1",{}]'),
      facts: { authMethod: "WHITELIST", acceptedBecause: "unknownTokensAccepted" },
      annotations: ["schemaSurplusField"],
    },
    "b5775818fcaa6ef15b7e85e1feae16f0",
  ],
  commandRequested: [
    {
      kind: "commandRequested",
      commandId,
      connectionId: connection,
      protocol: "ocpp2.1",
      action: "Reset",
      payload: bytes('{"type":"Immediate"}'),
      timeoutMs: 30_000,
      idempotencyKey: "key-1",
      queueUntil: 1_700_000_060_000,
      origin: { via: "rest", actor: "admin" },
      replyTo: node,
    },
    "bc203c662ffd29b53c226c45a46f678e",
  ],
  commandSent: [{ kind: "commandSent", commandId, connectionId: connection }, "86695c057c9cfb743824c2e9b131a4cd"],
  commandResult: [
    { kind: "commandResult", commandId, connectionId: connection, frame: bytes('[3,"c",{"status":"Accepted"}]') },
    "1071e0a7670a0f713444f31765174de6",
  ],
  commandEnded: [{ kind: "commandEnded", commandId, outcome: "not_connected" }, "6eac6ba330c695d893f1d8a80421fe61"],
  commandBound: [{ kind: "commandBound", commandId, connectionId: connection }, "baddb3095df734826feba38a8e8d0abf"],
  generationBegan: [
    { kind: "generationBegan", of: 1, frameEnds: [41, 0], registryEnd: 7 },
    "b61852be942b38061bdf9dbf1515c96a",
  ],
  tick: [{ kind: "tick", dueAt: 1_700_000_005_000 }, "bad1af853e97725a1781e551c876e465"],
  nodeLost: [{ kind: "nodeLost", nodeId: node }, "ec00dc31052a64e7e741a3ba09788e21"],
  quarantined: [
    { kind: "quarantined", protocol: "ocpp1.6", reason: "notJson", bytes: bytes("[2,"), answer: null },
    "4a32aedbe21a7a17bf7ec90ccd6ff6e9",
  ],
  redrive: [{ kind: "redrive", quarantineId: "q-1", actor: "admin" }, "e975a512918c25111265750f8636b9cc"],
  release: [{ kind: "release", quarantineId: "q-1", actor: "admin" }, "75fabdf21070bb09c277f36330ef35a7"],
  cdrReview: [
    {
      kind: "cdrReview",
      of: "held",
      action: "correct",
      cdr: { id: "cdr-1", sessionId, energyMwh: 1_000_000 },
      values: { energyMwh: 900_000, total: { exclVat: "1.00", inclVat: "1.19" } },
      actor: "admin",
      why: "the meter was exchanged",
    },
    "978d41dce9a879cf9c786b4442360444",
  ],
};

test.each(Object.values(frames))("a frame record of kind $kind keeps its bytes", (body, pinned) => {
  const encoded = encodeRecord({ ...envelope, ...body });
  expect(sha256(encoded), "a change forces a new version and an upcaster").toBe(pinned);
  expect(decodeRecord(encoded)).toEqual({ ...envelope, ...body });
});

test("a command that nobody waits for and that is bound to nothing keeps its nulls", () => {
  const [body] = frames.commandRequested;
  const bare = { ...envelope, ...body, connectionId: null, idempotencyKey: null, queueUntil: null, replyTo: null };
  expect(decodeRecord(encodeRecord(bare))).toEqual(bare);
});

test("a roaming partner's command keeps what its result is told by, and an older process carries that through as the actor", () => {
  const [body] = frames.commandRequested;
  const reply = { of: "START_SESSION", url: "https://emsp.example/1", correlationId: "c-1", session: "s-1" };
  const asked = { ...envelope, ...body, origin: { via: "ocpi", actor: "DEABC-EMSP", reply } } as const;
  const encoded = encodeRecord(asked);
  expect(decodeRecord(encoded)).toEqual(asked);
  const [via, actor] = (unpack(encoded) as unknown[])[17] as [string, string];
  expect([via, actor.startsWith("DEABC-EMSP\n")]).toEqual(["ocpi", true]);
  const carried = { ...asked, origin: { via, actor } } as FrameRecord;
  expect(encodeRecord(carried)).toEqual(encoded);
  expect(originOf(["rest", 'two\n{"of":1}'])).toEqual({ via: "rest", actor: 'two\n{"of":1}' });
});

test("no two kinds of record share a number", () => {
  const numbers = Object.values(kindNumbers);
  expect(new Set(numbers).size).toBe(numbers.length);
});

const reading = {
  at: 1_700_000_000_000,
  context: "Sample.Periodic",
  measurand: "Energy.Active.Import.Register",
  phase: null,
  location: "Outlet",
  unit: "Wh",
  value: "1234.5",
  energyMwh: 1_234_500,
};

const events: { readonly [Kind in EventKind]: readonly [Extract<EventBody, { kind: Kind }>, string] } = {
  stationOnline: [
    {
      kind: "stationOnline",
      connectionId: connection,
      nodeId: node,
      protocol: "ocpp1.6",
      securityProfile: 2,
      remoteAddress: "10.0.0.7",
    },
    "fe83a8989dda8db5f2a17e68ad8ced62",
  ],
  stationOffline: [
    { kind: "stationOffline", connectionId: connection, reason: "byStation" },
    "7b1b7aee90f2bbe1f693646ae84a2448",
  ],
  stationSeen: [{ kind: "stationSeen" }, "538b939beb44dcbef63fcb5479467aae"],
  stationBooted: [
    { kind: "stationBooted", vendor: "V", model: "M", serial: "S", firmware: null, reason: "PowerUp" },
    "be9e4b5244770daae46d478efbf4b62c",
  ],
  connectorStatus: [
    {
      kind: "connectorStatus",
      evseId: 1,
      connectorId: 2,
      status: "Faulted",
      errorCode: "GroundFailure",
      since: 1_700_000_000_000,
    },
    "7ed6dbf4596c1311693eb0bc4b64bb78",
  ],
  sessionStarted: [
    {
      kind: "sessionStarted",
      sessionId,
      transactionId: "12345",
      evseId: 1,
      connectorId: 1,
      idToken: "TAG-1",
      startedAt: 1_700_000_000_000,
      meterStartMwh: 1_000_000,
      annotations: [],
    },
    "05fb4c6942b106f0c8bea4accd5a40b7",
  ],
  sessionUpdated: [
    {
      kind: "sessionUpdated",
      sessionId,
      energyMwh: 234_500,
      state: "Charging",
      idToken: "TAG-1",
      readings: [reading],
      annotations: ["meterWentBack"],
    },
    "04db8dae8cc0d883fcf44cc24e40ab9a",
  ],
  sessionEnded: [
    {
      kind: "sessionEnded",
      sessionId,
      endedAt: 1_700_000_900_000,
      reason: "Local",
      meterStopMwh: 2_000_000,
      energyMwh: 1_000_000,
      annotations: [],
    },
    "8c07b8e7bd6c715fbe67fd2fc73e0db6",
  ],
  cdrIssued: [
    {
      kind: "cdrIssued",
      cdr: {
        id: "cdr-1",
        sessionId,
        credits: null,
        startedAt: 1_700_000_000_000,
        endedAt: 1_700_000_900_000,
        energyMwh: 1_000_000,
        durationMs: 900_000,
        idToken: "TAG-1",
        evseId: 1,
        connectorId: 1,
        tariffId: "T1",
        registry: { generation: 1, offset: 42 },
        currency: "EUR",
        total: { exclVat: "0.30", inclVat: "0.36" },
        lines: [
          {
            dimension: "ENERGY",
            volume: "1.000",
            unitPrice: "0.30",
            vat: "19",
            total: { exclVat: "0.30", inclVat: "0.36" },
          },
        ],
        annotations: [],
      },
    },
    "bbbbdbcafe453c01f871f6079e023854",
  ],
  cdrHeld: [
    {
      kind: "cdrHeld",
      sessionId,
      cdr: {
        id: "cdr-1",
        sessionId,
        credits: null,
        startedAt: 1_700_000_000_000,
        endedAt: 1_700_000_900_000,
        energyMwh: 1_000_000,
        durationMs: 900_000,
        idToken: null,
        evseId: 1,
        connectorId: 1,
        tariffId: null,
        registry: { generation: 1, offset: 42 },
        currency: null,
        total: null,
        lines: [],
        annotations: ["energyImplausible"],
      },
      reasons: ["energyImplausible"],
    },
    "b82dac3528ecdd99d0876733fda14d24",
  ],
  cdrReviewed: [
    {
      kind: "cdrReviewed",
      cdrId: "cdr-1",
      sessionId,
      of: "issued",
      action: "void",
      actor: "admin",
      why: "tested with the operator's own card",
    },
    "c93d103157232d907d8af187b8d0d1df",
  ],
  cdrWithheld: [{ kind: "cdrWithheld", sessionId, reason: "settling" }, "816909f806904904281cabc05be30ee9"],
  commandRequested: [
    {
      kind: "commandRequested",
      commandId,
      connectionId: connection,
      action: "Reset",
      payload: "{}",
      deadline: 1_700_000_030_000,
      origin: { via: "rest", actor: "admin" },
    },
    "83f4211bc510a37ff00d2038af8b91a5",
  ],
  commandSent: [{ kind: "commandSent", commandId }, "b624e9e347affc68ffd68cfa2effea5d"],
  commandEnded: [
    { kind: "commandEnded", commandId, outcome: "accepted", response: '[3,"c",{}]' },
    "340c3fce226b0216da107e5d69840071",
  ],
  commandLateAnswer: [
    { kind: "commandLateAnswer", commandId, response: '[3,"c",{}]' },
    "a24db28df084b731701e6c0e6461a6ed",
  ],
  documentsChanged: [
    {
      kind: "documentsChanged",
      changes: [{ collection: "securityEvents", key: "000001700000000-0000000000000041-0", document: '{"type":"X"}' }],
    },
    "d57a0455508b5fad22025c42e2821a63",
  ],
};

const chain = {
  party: envelope.party,
  station: envelope.station,
  keyId: null,
  sequence: 3,
  hash: "0123456789abcdef",
  logTime: 1_700_000_000_456,
  cause: "1:2:99/0",
};

test.each(Object.values(events))("a domain event of kind $kind keeps its bytes", (body, pinned) => {
  const encoded = encodeEvent({ ...chain, body });
  expect(sha256(encoded), "a change forces a new version and an upcaster").toBe(pinned);
  expect(decodeEvent(encoded)).toEqual({ ...chain, body });
});

test("the running hash of a station's events is what it always was", () => {
  const first = chainHash(chainStart, envelope.party, envelope.station, "1:2:99/0");
  expect(first).toBe("4e27c3cbc1fd5d6d");
  expect(chainHash(first, envelope.party, envelope.station, "1:2:99/1")).toBe("3f013c3504c05dde");
});

const change: RegistryChange = {
  party: envelope.party,
  keyId: null,
  changeId: "c-1",
  entity: "token",
  id: "tag-1",
  expectedVersion: 0,
  doc: { uid: "TAG-1", type: "RFID", contractId: "DE-WLG-1", valid: true, whitelist: "ALLOWED" },
  at: 1_700_000_000_000,
  actor: "cli",
};

test.each([
  ["an added entity", change, "dfc04bdccf5bd30c0e5b668a9cf33de8"],
  ["a removed entity", { ...change, expectedVersion: null, doc: null }, "ec87d81c5e31ba0b320abbe6dea02d6c"],
])("a registry change keeps its bytes: %s", (_, value, pinned) => {
  const encoded = encodeChange(value);
  expect(sha256(encoded), "a change forces a new version and an upcaster").toBe(pinned);
  expect(decodeChange(encoded)).toEqual(value);
});
