// Signed meter values as they come: kept verbatim among the readings, checked at once.
import { keysFor } from "../../core/metering/key-choice.ts";
import {
  readSignedValue,
  signedMeasurand,
  verifySigned,
  type SignedVerdict,
} from "../../core/metering/signed-value.ts";
import type { Reading } from "../../core/records/domain-event.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import { fieldsOf, listOf, textOf, type Fields } from "../payload.ts";
import { isPlausible, parseStationTime } from "../station-time.ts";
import type { SessionAnnotation } from "../transactions/annotations.ts";

export interface SignedReceived {
  readonly readings: readonly Reading[];
  readonly words: readonly SessionAnnotation[];
}

export const nothingSigned: SignedReceived = { readings: [], words: [] };

const wordOf: Partial<Record<SignedVerdict, SessionAnnotation>> = {
  invalid: "signatureInvalid",
  noKey: "signatureNoKey",
  unverifiable: "signatureUnverifiable",
  unknownFormat: "signatureUnknownFormat",
};

/**
 * @param meterValues `meterValue` of either version, or 1.6 `transactionData`.
 * @returns words only where the register knows the station: nobody else is told of what nobody asked to be checked.
 */
export function receiveSigned(
  meterValues: unknown,
  record: Pick<FrameRecord, "party" | "station" | "registry">,
  evseId: number,
  context: FoldContext,
): SignedReceived {
  const readings = listOf(meterValues).flatMap((element) => signedIn(fieldsOf(element), context.logTime));
  if (readings.length === 0) return nothingSigned;
  const doc = context.registry.find(record.party, "meterKeys", record.station, record.registry)?.doc;
  if (!doc) return { readings, words: [] };
  const words = readings.flatMap(({ value: data, at }) => {
    const value = readSignedValue(data);
    return wordOf[verifySigned(value, keysFor(doc, value, evseId, at ?? context.logTime)).verdict] ?? [];
  });
  return { readings, words: [...new Set(words)] };
}

function signedIn(element: Fields, logTime: number): readonly Reading[] {
  const time = parseStationTime(element["timestamp"]);
  const at = isPlausible(time, logTime) ? time : logTime;
  return listOf(element["sampledValue"]).flatMap((one) => {
    const sample = fieldsOf(one);
    const value = signedDataOf(sample);
    if (value === null) return [];
    const context = textOf(sample["context"]) ?? "Sample.Periodic";
    const nothing = { phase: null, unit: null, energyMwh: null };
    return [{ at, context, measurand: signedMeasurand, location: textOf(sample["location"]), value, ...nothing }];
  });
}

/** 2.x has an object, whose public key must not be lost: it is kept as JSON. */
function signedDataOf(sample: Fields): string | null {
  const { format, value, signedMeterValue } = sample;
  if (textOf(format) === "SignedData") return textOf(value);
  const signed = fieldsOf(signedMeterValue);
  return textOf(signed["signedMeterData"]) === null ? null : JSON.stringify(signed);
}
