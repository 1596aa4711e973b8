// An explanation as REST shows it: from the frames to the total, each step beside the one before it.
import type { ExplainedReading, ExplainedRecord, Explanation } from "../../core/ports/explanation.ts";
import { masked } from "../../core/privacy/masked.ts";
import { erased } from "../../core/privacy/sealed-text.ts";
import { showMeterValue, time, wattHours } from "./format.ts";
import { showFrame } from "./frames.ts";

export type ShownExplanation = ReturnType<typeof shownWhole>;

/** Frames are not sealed: those of somebody who was erased are shown without who it was. */
export function showExplanation(explanation: Explanation): ShownExplanation {
  const shown = shownWhole(explanation);
  return shown.session.idToken === erased ? (masked(shown, () => erased) as ShownExplanation) : shown;
}

function shownWhole(explanation: Explanation) {
  const { session, log, records, otherRecords, energy, samples, price, cdr, differences } = explanation;
  const { id, station, transactionId, evseId, connectorId, idToken, status, annotations } = session;
  return {
    session: {
      id,
      stationId: station,
      evseId,
      connectorId,
      transactionId,
      idToken,
      status,
      startedAt: time(session.startedAt),
      endedAt: time(session.endedAt),
      energyWh: wattHours(energy.energyMwh),
      annotations,
    },
    log,
    frames: records.map(shownRecord),
    otherFrames: otherRecords,
    readings: records.flatMap((record) => record.readings.map((reading) => shownReading(record, reading))),
    energy: {
      startWh: wattHours(energy.startMwh),
      startBy: energy.startBy,
      stopWh: wattHours(energy.stopMwh),
      stopBy: energy.stopBy,
      energyWh: wattHours(energy.energyMwh),
    },
    samples: samples.map(({ at, energyMwh, state, currentMa, powerMw }) => ({
      time: time(at),
      energyWh: wattHours(energyMwh),
      state,
      ...(currentMa === undefined ? {} : { currentA: currentMa / 1_000 }),
      ...(powerMw === undefined ? {} : { powerW: powerMw / 1_000 }),
    })),
    tariffs: explanation.tariffs,
    tariffFault: explanation.tariffFault,
    registry: explanation.registry,
    locationId: explanation.locationId,
    timeZone: explanation.timeZone,
    tariffId: price?.tariffId ?? null,
    currency: price?.currency ?? null,
    periods: price?.periods ?? [],
    lines: price?.lines ?? [],
    steps: price?.steps ?? [],
    sum: price?.sum ?? null,
    limitedBy: price?.limitedBy ?? [],
    rounding: price?.rounding ?? null,
    total: price?.total ?? null,
    taxes: price?.taxes ?? [],
    cdr: cdr && { id: cdr.id, total: cdr.total, currency: cdr.currency, energyWh: wattHours(cdr.energyMwh) },
    agrees: differences.length === 0,
    differences,
  };
}

function shownRecord({ record, passedOver, annotations, events, readings }: ExplainedRecord) {
  return { ...showFrame(record), passedOver, annotations, events, readings: readings.length };
}

function shownReading({ record }: ExplainedRecord, { reading, used, word, sentence }: ExplainedReading) {
  return {
    offset: record.offset,
    ...showMeterValue({ reading, receivedAt: record.logTime }),
    accepted: used,
    word,
    reason: sentence,
  };
}
