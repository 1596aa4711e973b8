// Well-formed chains of events, as a processor writes them.
import {
  derivedId,
  frameId,
  newCommandId,
  newConnectionId,
  sessionIdOf,
  trusted,
  type StationId,
} from "../../core/ids/ids.ts";
import {
  chainHash,
  chainStart,
  type Cdr,
  type DomainEvent,
  type EventBody,
  type Reading,
} from "../../core/records/domain-event.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import { party } from "./world.ts";

export class StationWriter {
  readonly station: StationId;
  private sequence = 0;
  private hash = chainStart;
  time: number;

  constructor(station: string, time = 1_750_000_000_000) {
    this.station = trusted.station(station);
    this.time = time;
  }

  event(body: EventBody): DomainEvent {
    this.sequence++;
    this.time += 1_000;
    const cause = `1:0:${this.sequence}/0`;
    this.hash = chainHash(this.hash, party, this.station, cause);
    const { station, sequence, hash, time: logTime } = this;
    return { party, station, keyId: null, sequence, hash, logTime, cause, body };
  }

  online(protocol: Protocol = "ocpp1.6"): DomainEvent {
    const connectionId = newConnectionId();
    const nodeId = trusted.node("node-1");
    return this.event({
      kind: "stationOnline",
      connectionId,
      nodeId,
      protocol,
      securityProfile: 1,
      remoteAddress: "192.0.2.7",
    });
  }

  offline(): DomainEvent {
    return this.event({ kind: "stationOffline", connectionId: newConnectionId(), reason: "1012" });
  }

  booted(vendor: string, model: string): DomainEvent {
    return this.event({
      kind: "stationBooted",
      vendor,
      model,
      serial: `SN-${this.station}`,
      firmware: "1.4.2",
      reason: null,
    });
  }

  status(connectorId: number, status: string, errorCode: string | null = null): DomainEvent {
    return this.event({ kind: "connectorStatus", evseId: 1, connectorId, status, errorCode, since: this.time });
  }

  /** A whole session, from its start to its CDR; `steps` readings on the way. */
  session(token: string, energyMwh: number, steps: number, open = false): DomainEvent[] {
    const first = frameId(`${this.station}-connection`, this.sequence + 1);
    const sessionId = sessionIdOf(party, this.station, first);
    const startedAt = this.time;
    const transactionId = String(1_000 + this.sequence);
    const events = [
      this.event({
        kind: "sessionStarted",
        sessionId,
        transactionId,
        evseId: 1,
        connectorId: 1,
        idToken: token,
        startedAt,
        meterStartMwh: 5_000_000,
        annotations: [],
      }),
    ];
    for (let step = 1; step <= steps; step++) {
      const soFar = Math.round((energyMwh * step) / steps);
      events.push(
        this.event({
          kind: "sessionUpdated",
          sessionId,
          energyMwh: soFar,
          state: "Charging",
          idToken: null,
          readings: [register(this.time, 5_000_000 + soFar)],
          annotations: step === 2 ? ["unitMissing"] : [],
        }),
      );
    }
    if (open) return events;
    events.push(
      this.event({
        kind: "sessionEnded",
        sessionId,
        endedAt: this.time,
        reason: "Local",
        meterStopMwh: 5_000_000 + energyMwh,
        energyMwh,
        annotations: [],
      }),
      this.event({ kind: "cdrIssued", cdr: cdrOf(sessionId, startedAt, this.time, energyMwh, token) }),
    );
    return events;
  }

  command(action: string, outcome: "accepted" | "rejected" | null): DomainEvent[] {
    const commandId = newCommandId();
    const origin = { via: "rest", actor: "admin" } as const;
    const events = [
      this.event({
        kind: "commandRequested",
        commandId,
        connectionId: null,
        action,
        payload: '{"type":"Soft"}',
        deadline: this.time + 30_000,
        origin,
      }),
      this.event({ kind: "commandSent", commandId }),
    ];
    if (outcome === null) return events;
    const response = `[3,"${commandId}",{"status":"${outcome === "accepted" ? "Accepted" : "Rejected"}"}]`;
    return [...events, this.event({ kind: "commandEnded", commandId, outcome, response })];
  }
}

export function register(at: number, energyMwh: number): Reading {
  return {
    at,
    context: "Sample.Periodic",
    measurand: "Energy.Active.Import.Register",
    phase: null,
    location: null,
    unit: "Wh",
    value: String(energyMwh / 1_000),
    energyMwh,
  };
}

export function cdrOf(
  sessionId: Cdr["sessionId"],
  startedAt: number,
  endedAt: number,
  energyMwh: number,
  idToken: string,
): Cdr {
  const total = { exclVat: (energyMwh * 3e-7).toFixed(2), inclVat: (energyMwh * 3.57e-7).toFixed(2) };
  return {
    id: derivedId("cdr", sessionId),
    sessionId,
    credits: null,
    startedAt,
    endedAt,
    energyMwh,
    durationMs: endedAt - startedAt,
    idToken,
    evseId: 1,
    connectorId: 1,
    tariffId: "standard",
    registry: { generation: 1, offset: 1 },
    currency: "EUR",
    total,
    lines: [{ dimension: "ENERGY", volume: String(energyMwh / 1e6), unitPrice: "0.30", vat: "19", total }],
    annotations: [],
  };
}
