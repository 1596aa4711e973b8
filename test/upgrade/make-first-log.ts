// Makes first-log.bin: `node test/upgrade/make-first-log.ts`, in a clone with its whole history. The records are encoded by the
// first codec there was; what they say is written out here, so that no later helper can change it.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { projectRoot } from "../harness/paths.ts";

const firstCodec = "56f39a3";
const party = "DEWLG";
const start = Date.UTC(2026, 0, 5, 8, 0);
const minute = 60_000;

interface Codec {
  readonly encodeRecord: (record: object) => Uint8Array;
  readonly encodeChange: (change: object) => Uint8Array;
  readonly pack: (value: unknown) => Uint8Array;
}

/** Topic, log time, key, value. */
type Entry = readonly ["frames" | "registry", number, string, Uint8Array];

const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const at = (minutes: number) => new Date(start + minutes * minute).toISOString();

class Line {
  private sequence = 0;
  private readonly codec: Codec;
  private readonly station: string;
  private readonly protocol: string;
  private readonly source: string;

  constructor(codec: Codec, station: string, protocol: string, source: string) {
    this.codec = codec;
    this.station = station;
    this.protocol = protocol;
    this.source = source;
  }

  record(minutes: number, body: object): Entry {
    const logTime = start + minutes * minute;
    const envelope = { party, station: this.station, source: this.source, sequence: this.sequence++ };
    const rest = { arrivedAt: logTime - 5, registry: { generation: 1, offset: 3 }, keyId: null };
    return ["frames", logTime, `${party}/${this.station}`, this.codec.encodeRecord({ ...envelope, ...rest, ...body })];
  }

  opened(minutes: number): Entry[] {
    const { protocol } = this;
    const connected = { kind: "connected", nodeId: "node-a", protocol, securityProfile: 1, remoteAddress: "192.0.2.7" };
    return [
      this.record(minutes, connected),
      this.record(minutes, { kind: "claimed", epoch: { generation: 1, offset: 0 } }),
    ];
  }

  call(minutes: number, action: string, payload: object, answer: object = {}): Entry {
    const messageId = `m-${this.sequence}`;
    const call = text([2, messageId, action, payload]);
    const body = { protocol: this.protocol, action, messageId, call, answer: text([3, messageId, answer]) };
    return this.record(minutes, { kind: "exchange", ...body, facts: {}, annotations: [] });
  }
}

function registry(codec: Codec): Entry[] {
  const change = (n: number, entity: string, id: string, doc: object): Entry => {
    const rest = { party, keyId: null, changeId: `change-${n}`, expectedVersion: null, at: start, actor: "cli" };
    return ["registry", start, id, codec.encodeChange({ ...rest, entity, id, doc })];
  };
  const priced = [{ price_components: [{ type: "ENERGY", price: 0.4, vat: 19, step_size: 1 }] }];
  return [
    change(1, "tariff", "T-1", { id: "T-1", currency: "EUR", elements: priced }),
    change(2, "setting", "defaultTariffId", { value: "T-1" }),
    change(3, "token", "TAG1", { uid: "TAG1", type: "RFID", contractId: "C-1", valid: true, whitelist: "ALWAYS" }),
  ];
}

function charging16(codec: Codec): Entry[] {
  const line = new Line(codec, "CP-16", "ocpp1.6", "connection-16");
  const request = { connectorId: 1, idTag: "TAG1", timestamp: at(10), meterStart: 1_000 };
  // Rule I5: what the first gateway answered to that request.
  const transactionId = 1417094785;
  const sampledValue = [{ value: "6000", measurand: "Energy.Active.Import.Register", unit: "Wh" }];
  const command = { commandId: "5a4c1d52-9d2f-4f4e-8a39-0d6d9d0b7f10", action: "TriggerMessage" };
  const payload = text({ requestedMessage: "Heartbeat" });
  const bus = new Line(codec, "CP-16", "ocpp1.6", "node-api");
  return [
    ...line.opened(0),
    line.call(1, "BootNotification", { chargePointVendor: "V", chargePointModel: "M" }, { status: "Accepted" }),
    line.call(2, "StatusNotification", { connectorId: 1, errorCode: "NoError", status: "Available" }),
    line.call(10, "StartTransaction", request, { transactionId, idTagInfo: { status: "Accepted" } }),
    line.call(20, "MeterValues", { connectorId: 1, transactionId, meterValue: [{ timestamp: at(20), sampledValue }] }),
    bus.record(25, {
      kind: "commandRequested",
      ...command,
      connectionId: "connection-16",
      protocol: "ocpp1.6",
      idempotencyKey: null,
      payload,
      timeoutMs: 30_000,
      queueUntil: null,
      origin: { via: "rest", actor: "admin" },
      replyTo: null,
    }),
    line.record(25, { kind: "commandSent", commandId: command.commandId, connectionId: "connection-16" }),
    line.record(25, {
      kind: "commandResult",
      commandId: command.commandId,
      connectionId: "connection-16",
      frame: text([3, command.commandId, { status: "Accepted" }]),
    }),
    line.record(30, {
      kind: "quarantined",
      protocol: "ocpp1.6",
      reason: "notJson",
      bytes: new TextEncoder().encode("[2,"),
      answer: null,
    }),
    line.call(40, "StopTransaction", { transactionId, meterStop: 13_500, timestamp: at(40), idTag: "TAG1" }),
    line.record(50, { kind: "disconnected", code: 1000, reason: "byStation" }),
  ];
}

function charging201(codec: Codec): Entry[] {
  const line = new Line(codec, "CP-201", "ocpp2.0.1", "connection-201");
  const event = (
    minutes: number,
    eventType: string,
    seqNo: number,
    triggerReason: string,
    wh: number,
    context: string,
  ) =>
    line.call(minutes, "TransactionEvent", {
      eventType,
      seqNo,
      triggerReason,
      timestamp: at(minutes),
      transactionInfo: { transactionId: "tx-201" },
      evse: { id: 1, connectorId: 1 },
      idToken: { idToken: "TAG1", type: "ISO14443" },
      meterValue: [{ timestamp: at(minutes), sampledValue: [{ value: wh, context }] }],
    });
  return [
    ...line.opened(1),
    event(5, "Started", 0, "Authorized", 200, "Transaction.Begin"),
    event(15, "Updated", 1, "MeterValuePeriodic", 1_200, "Sample.Periodic"),
    event(45, "Ended", 2, "EVDeparted", 4_700, "Transaction.End"),
  ];
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "wattlog-first-codec-"));
  try {
    const tar = execFileSync("git", ["archive", firstCodec, "core", "package.json"], { cwd: projectRoot });
    execFileSync("tar", ["-x", "-C", folder], { input: tar });
    symlinkSync(join(projectRoot, "node_modules"), join(folder, "node_modules"));
    const load = async (path: string) => (await import(pathToFileURL(join(folder, path)).href)) as object;
    const codec = {
      ...(await load("core/records/codec.ts")),
      ...(await load("core/records/registry-change.ts")),
      ...(await load("core/records/msgpack.ts")),
    } as Codec;
    const frames = [...charging16(codec), ...charging201(codec)].toSorted((a, b) => a[1] - b[1]);
    const bytes = codec.pack([...registry(codec), ...frames]);
    writeFileSync(join(import.meta.dirname, "first-log.bin"), bytes);
    console.log(`${frames.length} frames, ${bytes.length} bytes`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) await main();
