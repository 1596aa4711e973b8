// A small run, written by hand: a journal as the fleet would have kept it, and a data folder made by the real adapters
// and folds from the frames of that run. Tests change one thing and expect one line of the check to notice.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { EmbeddedBusHub } from "../../core/bus/bus-embedded.ts";
import { logKey, newConnectionId, newNodeId, trusted } from "../../core/ids/ids.ts";
import { EmbeddedLogServer } from "../../core/log/log-embedded-server.ts";
import { EmbeddedLog } from "../../core/log/log-embedded.ts";
import { makeTopics, type EventLog } from "../../core/log/log.ts";
import { partitionOf } from "../../core/log/partition.ts";
import { transactionIdOf } from "../../core/ocpp/transaction-id.ts";
import { encodeRecord } from "../../core/records/codec.ts";
import type { FrameBody } from "../../core/records/frame-record.ts";
import { encodeChange } from "../../core/records/registry-change.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { systemClock } from "../../core/runtime/clock.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { createMetrics } from "../../core/runtime/metrics.ts";
import { openSqliteStore } from "../../core/store/store-sqlite.ts";
import type { Store } from "../../core/store/store.ts";
import { createProcessor } from "../../processors/processor.ts";
import { createProjector } from "../../projections/models/projector.ts";
import type { JournalLine } from "../fleet/journal-format.ts";
import { sha256 } from "./log-facts.ts";
import { waitUntilQuiet } from "./positions.ts";
import { folderSource } from "../../deploy/roles/source.ts";
import { verify } from "./verify.ts";

export const party = trusted.party("DEWLG");
export const partitions = 2;
export const commandId = "0b0f8f0e-6f0e-4b57-9a67-1c3f4c1d2e3f";
const settleMs = 15_000;
const meterStopWh = 2500;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** One thing that reaches the log, in order. `name` is what a test calls it by. */
export interface Step {
  readonly name: string;
  readonly body: FrameBody;
  /** Another number makes it another frame; the same one a raw repeat. */
  readonly sequence: number;
  /** What the station noted beside it; called with the log time of the record. */
  readonly journal: (logTime: number) => readonly JournalLine[];
}

/** A session of one station: connect, boot, start, a heartbeat, stop, and a command that it accepts. */
export class Script {
  readonly station: string;
  readonly conn = newConnectionId();
  readonly node = newNodeId();
  readonly steps: Step[] = [];
  private sequence = 0;
  private messages = 0;

  constructor(station: string) {
    this.station = station;
    this.control(
      { kind: "connected", nodeId: this.node, protocol: "ocpp1.6", securityProfile: 0, remoteAddress: "127.0.0.1" },
      (t) => [{ kind: "connected", t, station, conn: this.conn, protocol: "1.6" }],
    );
    this.control({ kind: "claimed", epoch: { generation: 1, offset: 0 } });
    this.call(
      "BootNotification",
      { chargePointVendor: "V", chargePointModel: "M" },
      { status: "Accepted", currentTime: "2026-01-01T00:00:00Z", interval: 300 },
    );
    this.session();
    this.call("Heartbeat", {}, { currentTime: "2026-01-01T00:00:00Z" });
    this.command();
  }

  private session(): void {
    const { station } = this;
    const start = { connectorId: 1, idTag: "TAG-1", timestamp: "2026-01-01T00:00:00Z", meterStart: 1000 };
    const csmsTx = transactionIdOf(start);
    const common = {
      station,
      protocol: "1.6",
      tx: "T1",
      evseId: 1,
      connectorId: 1,
      idToken: "TAG-1",
      meterStartWh: 1000,
      startedAt: start.timestamp,
    };
    this.call("StartTransaction", start, { transactionId: csmsTx, idTagInfo: { status: "Accepted" } }, (t) => [
      { kind: "txStart", t, csmsTx: null, ...common },
      { kind: "txId", t, station, tx: "T1", csmsTx },
    ]);
    const stop = { transactionId: csmsTx, meterStop: meterStopWh, timestamp: "2026-01-01T01:00:00Z", idTag: "TAG-1" };
    this.call("StopTransaction", stop, {}, (t) => [
      { kind: "txEnd", t, csmsTx, ...common, meterStopWh, endedAt: stop.timestamp, answered: true },
    ]);
  }

  private command(): void {
    const { station, conn } = this;
    const id = trusted.command(commandId);
    const body = {
      payload: bytes("{}"),
      timeoutMs: 30_000,
      idempotencyKey: null,
      queueUntil: null,
      replyTo: null,
    } as const;
    const origin = { via: "rest", actor: "admin" } as const;
    const of = { station, conn, id: commandId, action: "ClearCache" } as const;
    this.control({
      kind: "commandRequested",
      commandId: id,
      connectionId: conn,
      protocol: "ocpp1.6",
      action: "ClearCache",
      origin,
      ...body,
    });
    this.control({ kind: "commandSent", commandId: id, connectionId: conn }, (t) => [
      { kind: "command", dir: "in", t, sha: "", ...of },
    ]);
    const frame = bytes(`[3,"${commandId}",{"status":"Accepted"}]`);
    this.control({ kind: "commandResult", commandId: id, connectionId: conn, frame }, (t) => [
      { kind: "commandAnswer", dir: "out", t, type: 3, status: "Accepted", sha: sha256(frame), sent: true, ...of },
      {
        kind: "requested",
        t,
        station,
        commandId,
        action: of.action,
        idempotencyKey: null,
        httpStatus: 202,
        status: "done",
        outcome: "accepted",
      },
    ]);
  }

  private control(body: FrameBody, journal: Step["journal"] = () => []): void {
    this.steps.push({ name: body.kind, body, sequence: this.sequence++, journal });
  }

  private call(action: string, payload: object, answer: object, more: Step["journal"] = () => []): void {
    const { station, conn } = this;
    const id = `m${++this.messages}`;
    const call = bytes(JSON.stringify([2, id, action, payload]));
    const reply = bytes(JSON.stringify([3, id, answer]));
    const body: FrameBody = {
      kind: "exchange",
      protocol: "ocpp1.6",
      action,
      messageId: id,
      call,
      answer: reply,
      facts: {},
      annotations: [],
    };
    const journal: Step["journal"] = (t) => [
      { kind: "call", dir: "out", t, station, protocol: "1.6", conn, id, action, sha: sha256(call), message: id },
      { kind: "answer", dir: "in", t, station, conn, id, type: 3, sha: sha256(reply) },
      ...more(t),
    ];
    this.steps.push({ name: action, body, sequence: this.sequence++, journal });
  }
}

export interface Run {
  readonly dataDir: string;
  /** What an honest fleet noted, header and end included. */
  readonly lines: JournalLine[];
  /** Judges the folder by these lines. */
  judge(lines: readonly JournalLine[]): ReturnType<typeof verify>;
  /** Changes the tables behind the back of everybody. */
  tamper(change: (store: Store) => Promise<unknown>): Promise<void>;
  remove(): void;
}

/** @param toLog what of the script reaches the log; the journal is that of the whole script. */
export async function run(toLog: (steps: readonly Step[]) => readonly Step[] = (steps) => steps): Promise<Run> {
  const root = mkdtempSync(join(tmpdir(), "wattlog-verify-"));
  const dataDir = join(root, "data");
  const script = new Script("SIM-000001");
  const lines: JournalLine[] = [
    {
      kind: "header",
      t: Date.now(),
      version: 1,
      declared: ["calls", "answers", "transactions", "commands"],
      args: {},
      seed: 1,
      runId: "r",
    },
  ];
  await withFolds(dataDir, async (log) => {
    const key = logKey(party, trusted.station(script.station));
    const partition = partitionOf(key, partitions);
    const times = new Map<Step, number>();
    for (const step of toLog(script.steps)) {
      const envelope = {
        party,
        station: trusted.station(script.station),
        source: script.conn,
        sequence: step.sequence,
      };
      const value = encodeRecord({
        ...envelope,
        arrivedAt: Date.now(),
        registry: { generation: 1, offset: 1 },
        keyId: null,
        ...step.body,
      });
      const { logTime } = await log.append(log.topics.frames, partition, [{ key, value }]);
      times.set(step, logTime);
    }
    for (const step of script.steps) lines.push(...step.journal(times.get(step) ?? Date.now()));
  });
  lines.push({ kind: "end", t: Date.now(), counts: {} });
  let judged = 0;
  return {
    dataDir,
    lines,
    judge(said) {
      const journalDir = mkdtempSync(join(root, `journal-${judged++}-`));
      writeFileSync(join(journalDir, "fleet-r.jsonl"), said.map((line) => `${JSON.stringify(line)}\n`).join(""));
      return verify({ journalDir, source: folderSource(dataDir), settleSeconds: 0 });
    },
    async tamper(change) {
      const store = openSqliteStore(dataDir);
      try {
        await change(store);
      } finally {
        await store.close();
      }
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Log, processor and projector on a new folder while `work` appends, and until all of it is folded. */
async function withFolds(folder: string, work: (log: EventLog) => Promise<void>): Promise<void> {
  const topics = makeTopics(1, partitions);
  const server = await EmbeddedLogServer.start({ folder, topics });
  const log = EmbeddedLog.attach({ port: server.connect(), folder, topics });
  const store = openSqliteStore(folder);
  await store.migrate();
  const setting = { id: "settleAfterMs", value: 0 };
  const change = {
    party,
    keyId: null,
    changeId: "c",
    entity: "setting",
    id: setting.id,
    expectedVersion: 0,
    doc: setting,
    at: 0,
    actor: "test",
  } as const;
  await log.append(topics.registry, 0, [{ key: party, value: encodeChange(change) }]);
  const registry = new RegistryView(log);
  await registry.start();
  const bus = new EmbeddedBusHub().client();
  const common = { log, store, registry, clock: systemClock, metrics: createMetrics(), logger: silentLogger() };
  const services = [createProcessor({ ...common, bus, nodeId: newNodeId() }), createProjector(common)];
  try {
    for (const service of services) await service.start();
    await work(log);
    await foldedAndBilled(log, store);
  } finally {
    for (const service of services) await service.stop();
    await registry.stop();
    await bus.close();
    await log.close();
    await store.close();
    await server.close();
  }
}

/** The folds are quiet, and the CDR of each session has come (it waits for a tick of the log). */
async function foldedAndBilled(log: EventLog, store: Store): Promise<void> {
  const until = performance.now() + settleMs;
  for (;;) {
    await waitUntilQuiet(log, store, settleMs);
    const settling = await store.reader
      .selectFrom("live_session")
      .select("id")
      .where("cdr_id", "is", null)
      .where("status", "=", "completed")
      .execute();
    if (settling.length === 0) return;
    if (performance.now() > until) throw new Error("the sessions of the test's run got no CDR");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
