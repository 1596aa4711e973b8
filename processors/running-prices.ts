// Prices of sessions that go on: out of the side table of readings (rule F4) by the same engine that makes their CDRs.
import { trusted, type PartyId } from "../core/ids/ids.ts";
import type { PriceSoFar, RunningPrices, SessionAsked } from "../core/ports/running-price.ts";
import type { Reading } from "../core/records/domain-event.ts";
import { unpack } from "../core/records/msgpack.ts";
import type { RegistryView } from "../core/registry/view.ts";
import type { Store } from "../core/store/store.ts";
import { isCalibratedAt } from "./calibration/billed.ts";
import { priceSoFar } from "./cdrs/running.ts";
import { unpackMemory } from "./engine/station-memory.ts";
import { ocppFold } from "./ocpp-fold.ts";
import { soFarMwh, withReadings } from "./transactions/energy.ts";
import { noRegisters, type Transaction } from "./transactions/transaction.ts";

export interface RunningPricesOptions {
  readonly store: Pick<Store, "reader">;
  /** Started. */
  readonly registry: Pick<RegistryView, "find" | "setting" | "ids" | "position" | "reached">;
}

export function createRunningPrices(options: RunningPricesOptions): RunningPrices {
  return { soFar: (party, session) => soFar(options, party, session) };
}

async function soFar(
  { store, registry }: RunningPricesOptions,
  party: PartyId,
  session: SessionAsked,
): Promise<PriceSoFar | undefined> {
  const t = await transactionOf(store, party, session);
  if (!t) return undefined;
  const rows = await readingsOf(store, session);
  const registers = rows.reduce(withReadings, noRegisters);
  await registry.reached(t.registry);
  const station = trusted.station(session.station);
  const { price, endedAt } = priceSoFar({ party, station }, { ...t, registers }, { registry, readingsOf: () => rows });
  const { periods, tariffId, currency, total } = price;
  const isUnsigned = isCalibratedAt(t, { party, station }, { registry });
  return { at: endedAt, energyMwh: soFarMwh(registers), periods, tariffId, currency, total, isUnsigned };
}

async function transactionOf(
  store: RunningPricesOptions["store"],
  party: PartyId,
  { id, station }: SessionAsked,
): Promise<Transaction | undefined> {
  const row = await store.reader
    .selectFrom("live_station_state")
    .selectAll()
    .where("party", "=", party)
    .where("station", "=", station)
    .executeTakeFirst();
  if (!row) return undefined;
  const { state } = unpackMemory(row, ocppFold);
  return state.transactions.active.find(({ sessionId }) => sessionId === id);
}

async function readingsOf(
  store: RunningPricesOptions["store"],
  { id, until }: SessionAsked,
): Promise<readonly (readonly Reading[])[]> {
  const rows = await store.reader
    .selectFrom("live_reading")
    .select("readings")
    .where("session_id", "=", id)
    .where("log_time", "<=", until)
    .orderBy("record_offset")
    .execute();
  return rows.map(({ readings }) => unpack(readings) as readonly Reading[]);
}
