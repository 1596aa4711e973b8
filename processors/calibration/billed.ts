// What a session is billed by: its registers, or for a calibrated station the signed values at its start and its end alone.
import { keysFor } from "../../core/metering/key-choice.ts";
import {
  readSignedValue,
  signedMeasurand,
  verifySigned,
  type MeterRegister,
  type MeterStatement,
  type SignedValue,
  type SignedVerdict,
} from "../../core/metering/signed-value.ts";
import type { CdrSignedValue, Reading } from "../../core/records/domain-event.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import type { MeterKeysDoc } from "../../core/registry/entities.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import { finalMwh, startBy, stopBy } from "../transactions/energy.ts";
import { energyRegister } from "../transactions/readings.ts";
import { noRegisters, type Registers, type Transaction } from "../transactions/transaction.ts";

/** Why nobody is billed by a session's signed values, with what that tells a person. */
export const signedDoubts = {
  signedBeginMissing: "No signed value came of the start.",
  signedEndMissing: "No signed value came of the end.",
  signedInvalid: "The signature of the value at the start or the end holds for no public key of its meter.",
  signedNoKey: "The register has no public key for the meter of the value at the start or the end.",
  signedUnverifiable: "The signature of the value at the start or the end is of a kind that cannot be checked here.",
  signedUnknownFormat: "The signed value at the start or the end is of no format that is known here.",
  signedUnusable: "The meter says itself that its value at the start or the end must not be billed.",
  signedAmbiguous: "Two valid signed values of the start, or of the end, say different things.",
  signedMeterUnlike: "The values at the start and the end are of two meters, or of two registers.",
  signedPageUnlike: "The meter signed the value at the end before that at the start.",
  signedStopBelowStart: "The signed register at the end is below that at the start.",
  signedEnergyUnlike: "The signed energy is unlike the one that the station's other registers show.",
} as const;

export type SignedDoubt = keyof typeof signedDoubts;

const doubtOf: Readonly<Record<Exclude<SignedVerdict, "valid">, SignedDoubt>> = {
  invalid: "signedInvalid",
  noKey: "signedNoKey",
  unverifiable: "signedUnverifiable",
  unknownFormat: "signedUnknownFormat",
};

/** What of a session it hangs on. */
export type BilledCourse = Pick<
  Transaction,
  "sessionId" | "startedAt" | "evseId" | "registry" | "registers" | "signed"
>;

export interface Billed {
  /** What energy and price go by. */
  readonly registers: Registers;
  readonly isBySigned: boolean;
  /** Verbatim, for whoever gets the CDR. */
  readonly values: readonly CdrSignedValue[];
  /** None but of calibrated stations. */
  readonly doubts: readonly SignedDoubt[];
}

interface Candidate {
  readonly reading: Reading;
  readonly says: MeterStatement | null;
  readonly register: MeterRegister | null;
  readonly verdict: SignedVerdict;
  readonly key: string | null;
}

interface Ends {
  readonly begins: readonly Candidate[];
  readonly ends: readonly Candidate[];
}

/**
 * Whether the station is calibrated is asked as of the session's first record, as its tariff is; its keys as of this record, so
 * that one which is brought in before the CDR is made counts.
 * @throws ReadingsNeeded.
 */
export function billedBy(
  course: BilledCourse,
  record: Pick<FrameRecord, "party" | "station" | "registry">,
  context: Pick<FoldContext, "registry" | "readingsOf" | "trace">,
): Billed {
  const isCalibrated = isCalibratedAt(course, record, context);
  const asTheyAre = { registers: course.registers, isBySigned: false };
  if (!course.signed) {
    return { ...asTheyAre, values: [], doubts: isCalibrated ? ["signedBeginMissing", "signedEndMissing"] : [] };
  }
  const doc = context.registry.find(record.party, "meterKeys", record.station, record.registry)?.doc;
  const readings = context.readingsOf(course.sessionId).flat();
  const found = endsOf(readings, doc, course);
  const begin = bestOf(found.begins);
  const end = bestOf(found.ends.toReversed());
  const values = [...valueOf("Start", begin), ...valueOf("End", end)];
  const doubts = isCalibrated ? doubtsAbout(found, begin, end, course.registers) : [];
  const isBySigned = isCalibrated && doubts.length === 0;
  tell(readings, { begin, end, isCalibrated, isBySigned }, context);
  if (!isBySigned) return { ...asTheyAre, values, doubts };
  return { registers: signedRegisters(begin, end), isBySigned, values, doubts };
}

/**
 * A session that waits for nothing else waits for its signed values; whether they hold is asked when it is billed.
 * @throws ReadingsNeeded.
 */
export function lacksSigned(
  course: BilledCourse,
  record: Pick<FrameRecord, "party" | "station" | "registry">,
  context: FoldContext,
): boolean {
  if (!isCalibratedAt(course, record, context)) return false;
  if (!course.signed) return true;
  const signed = context.readingsOf(course.sessionId).flat().flatMap(signedEnds);
  const roles = new Set(signed.flatMap(({ registers }) => registers.map(({ role }) => role)));
  return !roles.has("begin") || !roles.has("end");
}

/** As of the session's first record. */
export function isCalibratedAt(
  { registry: at }: Pick<BilledCourse, "registry">,
  { party, station }: Pick<FrameRecord, "party" | "station">,
  { registry }: Pick<FoldContext, "registry">,
): boolean {
  return registry.find(party, "meterKeys", station, at)?.doc.calibrated === true;
}

function endsOf(readings: readonly Reading[], doc: MeterKeysDoc | undefined, course: BilledCourse): Ends {
  const [begins, ends]: [Candidate[], Candidate[]] = [[], []];
  for (const { reading, value, registers } of readings.flatMap(signedEnds)) {
    const keys = keysFor(doc, value, course.evseId, reading.at ?? course.startedAt);
    const checked = { reading, says: value.says, ...verifySigned(value, keys) };
    for (const { register, role } of registers) {
      if (role === "begin") begins.push({ ...checked, register });
      if (role === "end") ends.push({ ...checked, register });
    }
  }
  return { begins, ends };
}

interface SignedEnd {
  readonly reading: Reading;
  readonly value: SignedValue;
  /** null: what was signed is no register of energy. */
  readonly registers: readonly { readonly register: MeterRegister | null; readonly role: MeterRegister["role"] }[];
}

/** @returns none but of the start and the end: some stations sign each of a thousand samples, which were checked when they came. */
function signedEnds(reading: Reading): readonly SignedEnd[] {
  if (reading.measurand !== signedMeasurand) return [];
  const value = readSignedValue(reading.value);
  const said = value.says?.registers ?? [];
  const registers = (said.length > 0 ? said : [null]).map((register) => ({
    register,
    role: register?.role ?? roleBy(reading),
  }));
  return registers.some(({ role }) => role === "begin" || role === "end") ? [{ reading, value, registers }] : [];
}

/** Where the format does not say it, the station does. */
function roleBy({ context }: Reading): MeterRegister["role"] {
  if (context === "Transaction.Begin") return "begin";
  return context === "Transaction.End" ? "end" : null;
}

function bestOf(candidates: readonly Candidate[]): Candidate | undefined {
  return candidates.find(({ verdict, register }) => verdict === "valid" && register) ?? candidates[0];
}

function valueOf(nature: CdrSignedValue["nature"], of: Candidate | undefined): readonly CdrSignedValue[] {
  return of ? [{ nature, data: of.reading.value, verdict: of.verdict, publicKey: of.key }] : [];
}

function doubtsAbout(
  found: Ends,
  begin: Candidate | undefined,
  end: Candidate | undefined,
  registers: Registers,
): readonly SignedDoubt[] {
  const doubts = new Set<SignedDoubt>();
  if (!begin) doubts.add("signedBeginMissing");
  if (!end) doubts.add("signedEndMissing");
  for (const one of [begin, end]) {
    if (!one) continue;
    if (one.verdict !== "valid") doubts.add(doubtOf[one.verdict]);
    // Signed, but no imported energy: nothing that could be sold.
    else if (!one.register?.isUsable) doubts.add("signedUnusable");
  }
  if (doubts.size > 0 || !begin || !end) return [...doubts];
  if (isAmbiguous(found.begins) || isAmbiguous(found.ends)) doubts.add("signedAmbiguous");
  if (isUnlike(begin.says?.meter, end.says?.meter) || isUnlike(begin.register?.obis, end.register?.obis)) {
    doubts.add("signedMeterUnlike");
  }
  if (isPageBefore(end.says?.page, begin.says?.page)) doubts.add("signedPageUnlike");
  const energyMwh = (end.register?.mwh ?? 0) - (begin.register?.mwh ?? 0);
  if (energyMwh < 0) doubts.add("signedStopBelowStart");
  else if (isEnergyUnlike(energyMwh, registers)) doubts.add("signedEnergyUnlike");
  return [...doubts];
}

function isAmbiguous(candidates: readonly Candidate[]): boolean {
  return (
    new Set(candidates.flatMap(({ verdict, register }) => (verdict === "valid" && register ? [register.mwh] : [])))
      .size > 1
  );
}

function isUnlike(a: string | null | undefined, b: string | null | undefined): boolean {
  return typeof a === "string" && typeof b === "string" && a.toUpperCase() !== b.toUpperCase();
}

/** `T32`: a letter for the kind of count, and the count. */
function isPageBefore(page: string | null | undefined, other: string | null | undefined): boolean {
  const [a, b] = [page, other].map((text) => /^(\D*)(\d+)$/.exec(text ?? ""));
  return !!a && !!b && a[1] === b[1] && BigInt(a[2]!) < BigInt(b[2]!);
}

/** Registers show kWh with one decimal, and a meter may take off what its cable loses. */
const toleranceMwh = 100_000;
const toleranceShare = 0.05;

/** A value of another session is valid as well: the registers that the station named itself betray it. */
function isEnergyUnlike(energyMwh: number, registers: Registers): boolean {
  const [start, stop] = [startBy(registers), stopBy(registers)];
  if (start === null || start === "low" || stop === null || stop === "high") return false;
  const shown = finalMwh(registers);
  return Math.abs(energyMwh - shown) > Math.max(toleranceMwh, shown * toleranceShare);
}

function signedRegisters(begin: Candidate | undefined, end: Candidate | undefined): Registers {
  return { ...noRegisters, begin: begin?.register?.mwh ?? null, end: end?.register?.mwh ?? null };
}

interface Use {
  readonly begin: Candidate | undefined;
  readonly end: Candidate | undefined;
  readonly isCalibrated: boolean;
  readonly isBySigned: boolean;
}

/** What becomes of each signed value, and of the others where they do not count. */
function tell(
  readings: readonly Reading[],
  { begin, end, isCalibrated, isBySigned }: Use,
  { trace }: Pick<FoldContext, "trace">,
): void {
  if (!trace) return;
  for (const reading of readings) {
    if (reading.measurand === energyRegister && isBySigned) trace.reading(reading, "notSigned");
    if (reading.measurand !== signedMeasurand) continue;
    const [isBegin, isEnd] = [reading === begin?.reading, reading === end?.reading];
    if (!isCalibrated) trace.reading(reading, "signedKept");
    else if (!isBegin && !isEnd) trace.reading(reading, "signedUnneeded");
    else if (!isBySigned) trace.reading(reading, "signedDoubted");
    else trace.reading(reading, isBegin ? (isEnd ? "signedBoth" : "signedBegin") : "signedEnd");
  }
}
