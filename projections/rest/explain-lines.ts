// An explanation as lines that a person reads, for a terminal and for paper.
import type { ShownDimension, ShownPeriod, ShownPrice } from "../../core/price/explain.ts";
import type { ShownExplanation } from "./explain-format.ts";

export interface Section {
  readonly title: string;
  readonly lines: readonly string[];
  /** Text of stations, verbatim. */
  readonly raw?: true;
}

const units = { FLAT: "", ENERGY: " kWh", TIME: " h", PARKING_TIME: " h" } as const;

const sources: Readonly<Record<string, string>> = {
  meterStart: "StartTransaction.meterStart",
  begin: "the reading Transaction.Begin",
  low: "the lowest register that was read",
  meterStop: "StopTransaction.meterStop",
  end: "the reading Transaction.End",
  high: "the highest register that was read",
};

const roundingWords = {
  thousandths: "thousandths",
  minorUnit: "the currency's own unit, as it is paid at once",
} as const;

export function explanationSections(e: ShownExplanation): readonly Section[] {
  return [
    { title: `Session ${e.session.id}`, lines: sessionLines(e) },
    { title: "Energy", lines: energyLines(e) },
    { title: "Tariff", lines: tariffLines(e) },
    { title: "Charging periods", lines: e.periods.length === 0 ? ["None."] : e.periods.flatMap(periodLines) },
    { title: "Lines", lines: chargeLines(e) },
    { title: "Total", lines: endLines(e) },
    { title: `Readings accepted (${e.readings.filter((r) => r.accepted).length})`, lines: readingLines(e, true) },
    { title: `Readings refused (${e.readings.filter((r) => !r.accepted).length})`, lines: readingLines(e, false) },
    { title: `Frames of ${e.log.topic}, partition ${e.log.partition}, verbatim`, lines: frameLines(e), raw: true },
  ];
}

function sessionLines({ session, differences, otherFrames, frames }: ShownExplanation): string[] {
  return [
    `Station ${session.stationId}, EVSE ${session.evseId}, connector ${session.connectorId}`,
    `Transaction ${session.transactionId}, token ${session.idToken ?? "not known"}, ${session.status}`,
    `From ${session.startedAt ?? "?"} to ${session.endedAt ?? "now: it goes on, and this is the price so far"}`,
    `${session.energyWh} Wh out of ${frames.length} frames; ${otherFrames} others of the station lie between them`,
    ...session.annotations.map(({ word, sentence }) => `${word}: ${sentence}`),
    ...(differences.length === 0
      ? ["These records lead to what is recorded."]
      : ["NOT as recorded:", ...differences.map((difference) => `  ${difference}`)]),
  ];
}

function energyLines({ energy: { startWh, startBy, stopWh, stopBy, energyWh } }: ShownExplanation): string[] {
  const known = (wh: number | null, by: string | null) => (wh === null ? "not known" : `${wh} Wh by ${sources[by!]}`);
  return [`Start ${known(startWh, startBy)}`, `End ${known(stopWh, stopBy)}`, `Energy ${energyWh} Wh`];
}

function tariffLines({ tariffs, tariffFault, registry, locationId, timeZone }: ShownExplanation): string[] {
  return [
    `Looked up at position ${registry.offset} of the registry, location ${locationId ?? "none"}, time zone ${timeZone}`,
    ...(tariffs.length === 0 ? ["No tariff applies at the connector."] : []),
    ...tariffs.map(({ id, word, sentence }) => `${id}: ${word === "chosen" ? "applied" : "not applied"}. ${sentence}`),
    ...(tariffFault === null ? [] : [`It cannot be applied: ${tariffFault}`]),
  ];
}

/** Of `wattlog price` too. */
export function periodLines({ start, end, state, reservation, dimensions, cost }: ShownPeriod): string[] {
  return [
    `${start} - ${end} ${reservation ?? state}: ${cost.exclVat} / ${cost.inclVat}`,
    ...dimensions.flatMap(dimensionLines),
  ];
}

function dimensionLines({ dimension, volume, billed, element, unitPrice, matched, skipped }: ShownDimension): string[] {
  const amount = volume === billed || element === null ? volume : `${volume}, billed ${billed}`;
  const free = skipped.length === 0 ? "free: no element prices it" : "free: no element matches";
  const by = element === null ? free : `element ${element} at ${unitPrice}`;
  return [
    `  ${dimension} ${amount}${units[dimension]}: ${by}`,
    ...matched.map((met) => `    by ${met.restriction} ${met.limit}, and it was ${met.actual}`),
    ...skipped.map(
      (not) => `    not element ${not.element}: ${not.restriction} is ${not.limit}, and it was ${not.actual}`,
    ),
  ];
}

/** What step_size added stands behind them. */
export function chargeLines({ lines, steps }: Pick<ShownPrice, "lines" | "steps">): string[] {
  return [
    ...lines.map(({ dimension, volume, unitPrice, vat, total: cost, element, reservation }) => {
      const what = `${dimension}${reservation ? ` (${reservation})` : ""}`;
      const by = `${volume}${units[dimension]} at ${unitPrice}, VAT ${vat === null ? "none" : `${vat} %`}`;
      return `${what} by element ${element}: ${by} = ${cost.exclVat} / ${cost.inclVat}`;
    }),
    ...steps
      .filter(({ used, billed }) => used !== billed)
      .map(
        ({ dimension, element, stepSize, used, billed }) =>
          `step_size ${stepSize} of element ${element}: ${dimension} ${used} -> ${billed}${units[dimension]}`,
      ),
  ];
}

function endLines(e: ShownExplanation): string[] {
  const { sum, rounding, total, currency, cdr } = e;
  if (!total || !sum || !rounding || currency === null) return ["There is no price."];
  return [...totalLines({ ...e, sum, rounding, total, currency }), ...(cdr ? [`CDR ${cdr.id}`] : [])];
}

export function totalLines({
  sum,
  limitedBy,
  rounding,
  taxes,
  total,
  currency,
}: Pick<ShownPrice, "sum" | "limitedBy" | "rounding" | "taxes" | "total" | "currency">): string[] {
  return [
    `Sum ${sum.exclVat} / ${sum.inclVat}`,
    ...(limitedBy.length > 0 ? [`Limited by ${limitedBy.join(" and ")}`] : []),
    `Rounded once, half away from 0, to ${rounding.decimals} decimals (${roundingWords[rounding.policy]})`,
    ...taxes.map(({ name, percentage, amount }) => `${name} ${percentage} %: ${amount}`),
    `Total ${total.exclVat} excl. VAT, ${total.inclVat} incl. VAT ${currency}`,
  ];
}

function readingLines({ readings }: ShownExplanation, accepted: boolean): string[] {
  return readings
    .filter((reading) => reading.accepted === accepted)
    .map(({ offset, time, measurand, context, phase, unit, value, reason }) => {
      const what = [measurand, context, phase].filter(Boolean).join(" ");
      return `${offset}  ${time ?? "no time"}  ${what}  ${value}${unit === null ? "" : ` ${unit}`}: ${reason}`;
    });
}

function frameLines({ frames }: ShownExplanation): string[] {
  return frames.flatMap((frame) => {
    const { frame: sent, answer } = frame as { readonly frame?: string; readonly answer?: string | null };
    const said = [...(frame.passedOver ? [frame.passedOver] : []), ...frame.annotations];
    return [
      `${frame.offset}  ${frame.time}  ${frame.kind}`,
      ...(sent === undefined ? [] : [`  ${sent}`]),
      ...(answer === undefined || answer === null ? [] : [`  => ${answer}`]),
      ...said.map(({ word, sentence }) => `  ${word}: ${sentence}`),
    ];
  });
}
