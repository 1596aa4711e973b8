// Held to `charging.events`: the chain of each station (rules F5, F6), and what it says of transactions (L3).
import { chainHash, chainStart, decodeEvent, type DomainEvent } from "../../../core/records/domain-event.ts";
import type { LogServer } from "../log.ts";
import type { Journal } from "../journal.ts";
import type { TrueTransaction } from "../charging.ts";

/** By station, repeats dropped as a projector drops them. */
export function eventsByStation(journal: Journal, log: LogServer): Map<string, DomainEvent[]> {
  const byStation = new Map<string, DomainEvent[]>();
  const { events } = log.topics;
  for (let partition = 0; partition < events.partitions; partition++) {
    for (const { value } of log.all(events, partition)) {
      const event = decodeEvent(value);
      let chain = byStation.get(event.station);
      if (!chain) byStation.set(event.station, (chain = []));
      link(journal, chain, event);
    }
  }
  return byStation;
}

function link(journal: Journal, chain: DomainEvent[], event: DomainEvent): void {
  const { party, station, sequence, hash, cause } = event;
  const name = `event ${sequence} of ${station}`;
  if (sequence <= chain.length) {
    const first = chain[sequence - 1];
    journal.check("F6", first?.hash === hash, () => `${name} came again as another one.`);
    return;
  }
  journal.check("F5", sequence === chain.length + 1, () => `${name} follows event ${chain.length}.`);
  const before = chain.at(-1)?.hash ?? chainStart;
  journal.check(
    "F5",
    hash === chainHash(before, party, station, cause),
    () => `${name} does not hang on the one before it.`,
  );
  chain.push(event);
}

/** Promise 2, L3: one session, one CDR, and the energy that the station's meter counted. */
export function checkTransactions(
  journal: Journal,
  events: ReadonlyMap<string, readonly DomainEvent[]>,
  transactions: readonly TrueTransaction[],
): void {
  for (const transaction of transactions) {
    if (!transaction.isTold) continue;
    const bodies = (events.get(transaction.station) ?? []).map(({ body }) => body);
    const sessions = bodies.filter((body) => body.kind === "sessionStarted" && body.transactionId === transaction.id);
    const name = `transaction ${transaction.id} of ${transaction.station}`;
    journal.check("I6", sessions.length === 1, () => `${name} has ${sessions.length} sessions.`);
    const ids = new Set(sessions.map((body) => (body.kind === "sessionStarted" ? body.sessionId : "")));
    const cdrs = bodies.flatMap((body) => (body.kind === "cdrIssued" && ids.has(body.cdr.sessionId) ? [body.cdr] : []));
    journal.check("L3", cdrs.length === 1, () => `${name} has ${cdrs.length} CDRs.`);
    const trueMwh = (transaction.meterWh - transaction.meterStartWh) * 1000;
    const energy = cdrs[0]?.energyMwh;
    journal.check("L3", energy === trueMwh, () => `${name} charged ${trueMwh} mWh, its CDR says ${String(energy)}.`);
  }
  checkStrangers(journal, events, transactions);
}

function checkStrangers(
  journal: Journal,
  events: ReadonlyMap<string, readonly DomainEvent[]>,
  transactions: readonly TrueTransaction[],
): void {
  for (const [station, chain] of events) {
    const own = transactions.filter((one) => one.station === station);
    const known = new Set(own.map(({ id }) => id));
    const said = own.some(({ id }) => id === "");
    for (const { body } of chain) {
      if (body.kind !== "sessionStarted") continue;
      // A 1.6 station that never got an answer does not know the id.
      const isKnown = known.has(body.transactionId) || said;
      journal.check("I6", isKnown, () => `${station} has a session of ${body.transactionId}, which it never charged.`);
    }
  }
}
