import { isoTime } from "./dialect.ts";
import type { StationIdentity, Transaction } from "./dialect.ts";
import type { TxEndLine, TxStartLine } from "./journal-format.ts";

function txFields(identity: StationIdentity, tx: Transaction) {
  return {
    station: identity.id,
    protocol: identity.protocol,
    tx: tx.key,
    csmsTx: tx.csmsTx ?? null,
    evseId: tx.connector,
    // 1.6 numbers connectors through the station; in 2.x each EVSE here has one.
    connectorId: identity.protocol === "1.6" ? tx.connector : 1,
    idToken: tx.idToken,
    meterStartWh: tx.meterStartWh,
    startedAt: isoTime(tx.startedAt),
  };
}

export function txStartLine(identity: StationIdentity, tx: Transaction, t: number): TxStartLine {
  return { kind: "txStart", t, ...txFields(identity, tx) };
}

/** Undefined while the transaction is open. */
export function txEndLine(
  identity: StationIdentity,
  tx: Transaction,
  t: number,
  answered: boolean,
): TxEndLine | undefined {
  if (tx.ended === undefined) return undefined;
  const { at, meterStopWh } = tx.ended;
  return { kind: "txEnd", t, ...txFields(identity, tx), meterStopWh, endedAt: isoTime(at), answered };
}
