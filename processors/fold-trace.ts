// What a fold tells of its reasons to whoever asks: `explain` runs the same fold with a trace, everybody else without one,
// and then nothing of this costs anything.
import type { SessionId } from "../core/ids/ids.ts";
import type { Candidacy } from "../core/price/choose.ts";
import type { Priced } from "../core/price/price.ts";
import type { Sample } from "../core/price/session.ts";
import type { EventBody, Reading } from "../core/records/domain-event.ts";
import type { LocationDoc, TariffDoc } from "../core/registry/entities.ts";
import type { Registers } from "./transactions/transaction.ts";

/** What becomes of a reading, with what that tells a person. */
export const readingUses = {
  start: "The register at the start of the session's energy.",
  stop: "The register at the end of the session's energy.",
  register: "A register: a point of the session's energy over time.",
  state: "The charging state from then on.",
  current: "The current from then on.",
  power: "The power from then on.",
  signedBegin: "The signed register at the start: the CDR goes by it.",
  signedEnd: "The signed register at the end: the CDR goes by it.",
  signedBoth: "The signed registers at the start and at the end: the CDR goes by them.",
} as const;

export const readingRefusals = {
  otherMeasurand: "It measures what neither energy nor price goes by.",
  noEnergy: "The value is no energy that a register can show: no number, below 0, or of another unit.",
  noNumber: "The value is no number of a unit that is known.",
  noLinePhase: "The phase carries no energy of its own.",
  totalCounts: "There is a value without a phase for the same time, context and place, which counts.",
  secondOfItsTime: "There is a value of the same time, context and place before it, which counts.",
  notOutlet: "It is not measured at the outlet, where energy is sold, and another value is.",
  noTime: "It has no time that can be read: it has no place among the others.",
  beforeStart: "It is of the session's start or before it, where the register at the start counts.",
  atEnd: "It is of the session's end, where the register at the end counts.",
  afterEnd: "It is of after the session's end.",
  laterOfItsTime: "There is a later value of the same time, which counts.",
  falls: "It is below a register before it, and a register never falls.",
  aboveStop: "It is above the register at the end, which is the authority.",
  notSigned: "It is not signed, and the station's CDRs go by signed values alone.",
  signedKept: "It is signed, and kept for who wants to check it: the station's CDRs do not go by signed values.",
  signedUnneeded: "It is signed, and neither the start nor the end that the CDR goes by.",
  signedDoubted: "It is signed, and cannot be billed by: the CDR is held.",
  notPriced: "It came after the price was made.",
} as const;

/** Why a message changes nothing. */
export const passedOver = {
  repeatedStart: "The start of this transaction again: it is known, and changes nothing.",
  repeatedReadings: "The same meter values as a message before it: they are known, and change nothing.",
  repeatedStop: "The stop of this transaction again: it is known, and changes nothing.",
  repeatedEvent: "The same event as a message before it: it is known, and changes nothing.",
} as const;

export type PassedOver = keyof typeof passedOver;

export type ReadingWord = keyof typeof readingUses | keyof typeof readingRefusals;

/** One computation of a session's price. */
export interface PriceTrace {
  readonly sessionId: SessionId;
  readonly location: LocationDoc | undefined;
  readonly timeZone: string;
  readonly tariff: TariffDoc | undefined;
  /** Why it cannot be applied; undefined: it can, or there is none. */
  readonly invalid: string | undefined;
  readonly registers: Registers;
  readonly samples: readonly Sample[];
  readonly priced: Priced;
}

/** What `samplesOf` says of the readings that it is given. */
export interface ReadingTrace {
  reading(reading: Reading, word: ReadingWord): void;
  /** Of all that were called registers up to now and are of that time; null: of none. */
  registersAt(at: number | null, word: ReadingWord): void;
}

export interface FoldTrace extends ReadingTrace {
  emitted(body: EventBody): void;
  kept(sessionId: SessionId, readings: readonly Reading[]): void;
  /** The record failed: what it said up to now does not count. */
  undone(): void;
  /** A message of the session that changes nothing about it, and why. */
  passedOver(sessionId: SessionId | undefined, word: PassedOver): void;
  candidate(tariff: TariffDoc, candidacy: Candidacy): void;
  priced(price: PriceTrace): void;
}
