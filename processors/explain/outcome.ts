// What the records of a session lead to, and where that is not what is recorded.
import type { Cdr } from "../../core/records/domain-event.ts";
import { erased } from "../../core/privacy/sealed-text.ts";
import { asStored } from "../../core/store/text.ts";
import type { CdrRow, SessionRow } from "../../core/store/tables.ts";
import { trusted } from "../../core/ids/ids.ts";
import { priceSoFar } from "../cdrs/running.ts";
import { finalMwh, soFarMwh } from "../transactions/energy.ts";
import { noRegisters, type Registers, type Transaction } from "../transactions/transaction.ts";
import type { TracedPrice } from "./reasons.ts";
import type { Replayed } from "./replay.ts";

export interface Outcome {
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly energyMwh: number;
  readonly evseId: number;
  readonly connectorId: number;
  readonly idToken: string | null;
  readonly annotations: readonly string[];
  readonly registers: Registers;
  readonly price: TracedPrice | undefined;
  readonly cdr: Cdr | undefined;
}

/** @returns undefined where the records lead to no such session. */
export function outcomeOf(replayed: Replayed, sessionId: string): Outcome | undefined {
  const { memory, batch, reasons } = replayed;
  const t = memory.state.transactions.active.find((active) => active.sessionId === sessionId);
  if (t) {
    if (!reasons.price) {
      const record = { party: trusted.party(memory.party), station: trusted.station(memory.station) };
      priceSoFar(record, t, batch);
    }
    return { ...partsOf(t), energyMwh: energyOf(t), price: reasons.price, cdr: reasons.cdr };
  }
  const { cdr, price } = reasons;
  if (!cdr) return undefined;
  return { ...partsOf(cdr), energyMwh: cdr.energyMwh, registers: price?.registers ?? noRegisters, price, cdr };
}

/** Of somebody who was erased: frames still say who it was, and nobody is to be told. */
export function withoutSubject(outcome: Outcome): Outcome {
  const { cdr } = outcome;
  const signed = cdr?.signed?.map((one) => ({ ...one, data: erased }));
  return { ...outcome, idToken: erased, cdr: cdr && { ...cdr, idToken: erased, ...(signed && { signed }) } };
}

function energyOf({ endedAt, registers, soFarMwh: told }: Transaction): number {
  return endedAt === null ? Math.max(told, soFarMwh(registers)) : finalMwh(registers);
}

function partsOf<
  T extends Pick<Outcome, "startedAt" | "endedAt" | "evseId" | "connectorId" | "idToken" | "annotations">,
>(of: T) {
  const { startedAt, endedAt, evseId, connectorId, idToken, annotations } = of;
  const registers = "registers" in of ? (of.registers as Registers) : noRegisters;
  return { startedAt, endedAt, evseId, connectorId, idToken, annotations, registers };
}

const time = (at: number | null): string => (at === null ? "none" : new Date(at).toISOString());

/** One sentence each. */
export function differencesOf(
  outcome: Outcome | undefined,
  session: SessionRow,
  cdrs: readonly CdrRow[],
): readonly string[] {
  if (!outcome) return ["These records lead to no such session."];
  const differences: string[] = [];
  const hold = (what: string, recorded: string | number | null, found: string | number | null) => {
    if (recorded !== found)
      differences.push(`${what} is recorded as ${recorded ?? "none"}; these records give ${found ?? "none"}.`);
  };
  hold("The start", time(session.started_at), time(outcome.startedAt));
  hold("The end", time(session.ended_at), time(outcome.endedAt));
  hold("Energy in mWh", session.energy_mwh, outcome.energyMwh);
  hold("The EVSE", session.evse_id, outcome.evseId);
  hold("The connector", session.connector_id, outcome.connectorId);
  hold("The token", session.id_token, outcome.idToken && asStored(outcome.idToken));
  const { cdr } = outcome;
  const recorded = cdrs.find(({ id }) => id === cdr?.id);
  // A correction by hand is a CDR of its own, which no record of the station gives.
  const first = recorded ?? cdrs.find(({ credits }) => credits === null);
  if (!recorded && first && cdr) hold("The CDR", first.id, cdr.id);
  if (recorded && cdr) differences.push(...differentCdr(JSON.parse(recorded.document, storedText) as Cdr, cdr));
  return differences;
}

/** The whole documents are held against each other; only those of their parts are named that are unlike. */
function differentCdr(recorded: Cdr, found: Cdr): string[] {
  const now = JSON.parse(JSON.stringify(found), storedText) as Readonly<Record<string, unknown>>;
  const names = new Set([...Object.keys(recorded), ...Object.keys(now)]);
  const text = (value: unknown): string => canonical(value).slice(0, 200);
  const before = recorded as unknown as Readonly<Record<string, unknown>>;
  return [...names]
    .filter((name) => canonical(before[name]) !== canonical(now[name]))
    .map((name) => `${name} of the CDR is recorded as ${text(before[name])}; these records give ${text(now[name])}.`);
}

function storedText(_: string, value: unknown): unknown {
  return typeof value === "string" ? asStored(value) : value;
}

/** JSON with the members of objects in order. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "nothing";
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
}
