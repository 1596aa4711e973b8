// What was found, in the words of the port.
import type { Explanation, ExplainedReading, ExplainedRecord, Said } from "../../core/ports/explanation.ts";
import { trusted } from "../../core/ids/ids.ts";
import type { Candidacy } from "../../core/price/choose.ts";
import { shownPrice } from "../../core/price/explain.ts";
import type { EventBody, Reading } from "../../core/records/domain-event.ts";
import type { SessionRow } from "../../core/store/tables.ts";
import type { Item } from "../engine/record.ts";
import { passedOver, readingRefusals, readingUses, type ReadingWord } from "../fold-trace.ts";
import { ocppFold } from "../ocpp-fold.ts";
import { sessionAnnotations } from "../transactions/annotations.ts";
import { endOf, startBy, startMwh, stopBy, stopMwh } from "../transactions/energy.ts";
import { noRegisters, type Registers } from "../transactions/transaction.ts";
import type { Found } from "./find.ts";
import type { Outcome } from "./outcome.ts";
import type { Doing, TracedPrice } from "./reasons.ts";
import type { Replayed } from "./replay.ts";

export interface Attempt {
  readonly found: Found;
  readonly replayed: Replayed;
  readonly outcome: Outcome | undefined;
  readonly differences: readonly string[];
}

const candidacies: Readonly<Record<Candidacy, string>> = {
  chosen: "It applies to who charges, and was valid at the session's start.",
  lessSpecific: "It would apply, but another one is meant for this session more closely, or stands before it.",
  notValidThen: "It was not valid at the session's start.",
  otherType: "Its type is another than what was asked for.",
  forOthers: "It is for other tokens, groups or partners.",
};
const notToldOf = { word: "notPriced", sentence: readingRefusals.notPriced };
const held = { word: "held", sentence: "It could not be folded, and is held in quarantine." };
const parked = { word: "parked", sentence: "It waits behind a message of the transaction that is held in quarantine." };
const nothingNew = { word: "nothingNew", sentence: "It says nothing new about the session." };

export function shownExplanation(row: SessionRow, attempt: Attempt): Explanation {
  const { found, outcome, replayed, differences } = attempt;
  const price = outcome?.price;
  const registers = outcome?.registers ?? noRegisters;
  const records = recordsOf(attempt, row);
  return {
    session: {
      id: row.id,
      station: trusted.station(row.station),
      transactionId: row.transaction_id,
      evseId: outcome?.evseId ?? row.evse_id,
      connectorId: outcome?.connectorId ?? row.connector_id,
      idToken: outcome?.idToken ?? row.id_token,
      status: row.status === "active" ? "active" : "completed",
      startedAt: outcome?.startedAt ?? row.started_at,
      endedAt: outcome ? outcome.endedAt : row.ended_at,
      annotations: (outcome?.cdr?.annotations ?? outcome?.annotations ?? []).map(annotation),
    },
    log: { topic: found.topic.name, partition: found.partition },
    records,
    otherRecords: othersAmong(found.items, records),
    energy: {
      startMwh: startMwh(registers),
      startBy: startBy(registers),
      stopMwh: stopMwh(registers),
      stopBy: stopBy(registers),
      energyMwh: outcome?.energyMwh ?? 0,
    },
    samples: price?.samples ?? [],
    registry: found.items.find(({ log }) => log.offset === found.first)!.record!.registry,
    locationId: price?.location?.id ?? null,
    timeZone: price?.timeZone ?? "UTC",
    tariffs: (price?.candidates ?? []).map(({ tariff, candidacy }) => ({
      id: tariff.id,
      word: candidacy,
      sentence: candidacies[candidacy],
    })),
    price: price && isPriced(price) ? shownPrice(price.priced) : null,
    tariffFault: price?.invalid ?? null,
    cdr: outcome?.cdr ?? null,
    differences:
      replayed.reasons.doings.size === 0 ? ["No record is about this session.", ...differences] : differences,
  };
}

/** Without a tariff there are periods alone, which cost nothing. */
function isPriced({ tariff, invalid }: TracedPrice): boolean {
  return tariff !== undefined && invalid === undefined;
}

function othersAmong(items: readonly Item[], records: readonly ExplainedRecord[]): number {
  const [first, last] = [records[0]?.record.offset, records.at(-1)?.record.offset];
  if (first === undefined || last === undefined) return 0;
  return items.filter(({ log: { offset } }) => offset >= first && offset <= last).length - records.length;
}

function recordsOf(
  { found, replayed, outcome }: Attempt,
  { transaction_id: id }: SessionRow,
): readonly ExplainedRecord[] {
  const { reasons, batch } = replayed;
  const registers = outcome?.registers ?? noRegisters;
  const heldAt = new Set([...batch.quarantine.values()].filter((q) => q.state === "held").map((q) => q.record_offset));
  const records: ExplainedRecord[] = [];
  const told = new Set<string>();
  for (const { log, record } of found.items) {
    const doing = reasons.doings.get(log.offset);
    const speaksOfIt = () => record !== null && ocppFold.transactionOf(record).key === id;
    if (!doing && (log.offset < found.first || !speaksOfIt())) continue;
    const isParked = batch.parked.has(log.offset) && !batch.unparked.has(log.offset);
    records.push({
      record: log,
      readings: (doing?.readings ?? []).map((reading) =>
        shownReading(reading, useOf(reading, registers, reasons.words.get(reading))),
      ),
      passedOver: heldAt.has(log.offset) ? held : isParked ? parked : whyPassedOver(doing),
      // A CDR repeats what was said of its session before.
      annotations: (doing?.bodies ?? [])
        .flatMap(wordsOf)
        .filter((word) => !told.has(word) && told.add(word))
        .map(annotation),
      events: (doing?.bodies ?? []).map(({ kind }) => kind),
    });
  }
  return records;
}

/** What is not signed is no end of energy that goes by signed values, also where it shows the same. */
function useOf(reading: Reading, registers: Registers, told: ReadingWord | undefined): ReadingWord | undefined {
  return told === "notSigned" ? told : (endOf(reading, registers) ?? told);
}

function whyPassedOver(doing: Doing | undefined): Said | null {
  if (!doing) return nothingNew;
  const word = doing.passedOver;
  return word && { word, sentence: passedOver[word] };
}

function shownReading(reading: Reading, word: ReadingWord | undefined): ExplainedReading {
  if (word === undefined) return { reading, used: false, ...notToldOf };
  if (word in readingUses)
    return { reading, used: true, word, sentence: readingUses[word as keyof typeof readingUses] };
  return { reading, used: false, word, sentence: readingRefusals[word as keyof typeof readingRefusals] };
}

function wordsOf(body: EventBody): readonly string[] {
  if ("annotations" in body) return body.annotations;
  return "cdr" in body ? body.cdr.annotations : [];
}

function annotation(word: string): Said {
  return { word, sentence: (sessionAnnotations as Readonly<Record<string, string>>)[word] ?? word };
}
