import type { EnergyUnit, Reading } from "./meter.ts";

export type Protocol = "1.6" | "2.0.1" | "2.1";

export type Payload = Readonly<Record<string, unknown>>;

export interface Call {
  readonly action: string;
  /** Undefined while the payload cannot be written yet: in 1.6 it needs the transactionId of the start's answer. */
  build(): Payload | undefined;
}

/** What a station is, as opposed to what it does. */
export interface StationIdentity {
  readonly id: string;
  /** Counts from 1 through the whole fleet. */
  readonly index: number;
  readonly protocol: Protocol;
  readonly idToken: string;
  readonly unit: EnergyUnit;
  readonly connectorCount: number;
}

export type ConnectorState = "available" | "preparing" | "charging" | "finishing" | "unavailable";

export type StopCause = "local" | "remote" | "deauthorized" | "evLeft" | "reset" | "unlock";

/** A transaction as the station keeps it. */
export interface Transaction {
  /** The station's own key, unique over all runs. */
  readonly key: string;
  readonly connector: number;
  readonly idToken: string;
  readonly startedAt: number;
  readonly meterStartWh: number;
  readonly remoteStartId: number | undefined;
  /** 1.6: a number, once the start was answered. 2.x: the station's own id. */
  csmsTx: string | number | undefined;
  /** 2.x: number of the next event. */
  seqNo: number;
  ended: { readonly at: number; readonly meterStopWh: number } | undefined;
  /** Its start was given up, so what follows it has nothing to belong to. */
  abandoned: boolean;
}

export interface BootAnswer {
  readonly status: "Accepted" | "Pending" | "Rejected";
  readonly intervalSeconds: number;
}

export type CommandReply =
  | { readonly ok: true; readonly payload: Payload; readonly after?: () => void }
  | { readonly ok: false; readonly code: string; readonly description: string };

/** What a command can do to a station. Checks happen at once, effects in the reply's `after`, behind the answer. */
export interface CommandHost {
  readonly identity: StationIdentity;
  now(): number;
  connectorState(connector: number): ConnectorState | undefined;
  isCharging(connector: number): boolean;
  /** The connector that a remote start would use, or undefined when it has to be refused. */
  freeConnector(wanted: number | undefined): number | undefined;
  remoteStart(connector: number, idToken: string, remoteStartId: number | undefined): void;
  hasTransaction(csmsTx: string | number): boolean;
  remoteStop(csmsTx: string | number): void;
  /** Connector 0 is the whole station. */
  setAvailability(connector: number, operative: boolean): void;
  unlock(connector: number): void;
  reset(): void;
  trigger(message: TriggeredMessage, connector: number | undefined): void;
  report(requestId: number): void;
  hasQueuedMessages(): boolean;
}

export type TriggeredMessage =
  | "boot"
  | "heartbeat"
  | "status"
  | "meter"
  | "firmwareStatus"
  | "logStatus"
  | "transaction";

/** One version of OCPP as a station speaks it: bodies and answers, no state. */
export interface Dialect {
  readonly protocol: Protocol;
  readonly subprotocol: string;
  boot(identity: StationIdentity, reason: "powerUp" | "reset" | "triggered"): Call;
  heartbeat(): Call;
  status(connector: number, state: ConnectorState, at: number): Call;
  authorize(idToken: string): Call;
  dataTransfer(identity: StationIdentity, data: string): Call;
  firmwareStatus(): Call;
  logStatus(): Call;
  /** A reading outside of any transaction message, as TriggerMessage asks for it. */
  meterValues(identity: StationIdentity, connector: number, tx: Transaction | undefined, reading: Reading): Call;
  report(identity: StationIdentity, requestId: number, at: number): readonly Call[];
  start(identity: StationIdentity, tx: Transaction, reading: Reading, offline: boolean): Call;
  sample(identity: StationIdentity, tx: Transaction, reading: Reading, offline: boolean): Call;
  stop(identity: StationIdentity, tx: Transaction, reading: Reading, cause: StopCause, offline: boolean): Call;
  readBoot(payload: Payload): BootAnswer;
  /** Whether an Authorize, start or transaction event answer lets the driver charge. */
  readAccepted(payload: Payload): boolean;
  /** 1.6: the transactionId of a StartTransaction answer. */
  readTransactionId(payload: Payload): number | undefined;
  command(host: CommandHost, action: string, payload: Payload): CommandReply;
}

export function ready(action: string, payload: Payload): Call {
  return { action, build: () => payload };
}

export function isoTime(at: number): string {
  return new Date(at).toISOString();
}

/** Fields of payloads that others wrote: present with the right type, or undefined. */
export function textField(payload: Payload, name: string): string | undefined {
  const value = payload[name];
  return typeof value === "string" ? value : undefined;
}

export function integerField(payload: Payload, name: string): number | undefined {
  const value = payload[name];
  return typeof value === "number" && Number.isInteger(value) ? value : undefined;
}

export function objectField(payload: Payload, name: string): Payload | undefined {
  const value = payload[name];
  return isObject(value) ? value : undefined;
}

export function listField(payload: Payload, name: string): readonly Payload[] {
  const value = payload[name];
  return Array.isArray(value) ? value.filter(isObject) : [];
}

export function isObject(value: unknown): value is Payload {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function readBootAnswer(payload: Payload): BootAnswer {
  const status = textField(payload, "status");
  const known = status === "Accepted" || status === "Pending" ? status : "Rejected";
  return { status: known, intervalSeconds: integerField(payload, "interval") ?? 0 };
}
