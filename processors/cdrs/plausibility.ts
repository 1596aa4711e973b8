// Which CDRs nobody should be asked to pay unseen: the rules of the party, as its registry settings stood when the CDR was
// made (rule F1).
import type { Cdr } from "../../core/records/domain-event.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import type { SettingId } from "../../core/registry/entities.ts";
import type { SignedDoubt } from "../calibration/billed.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import type { Registers } from "../transactions/transaction.ts";

type Limit = "cdrHoldPowerPercent" | "cdrHoldEnergyKwh" | "cdrHoldHours" | "cdrHoldCost";

/** Beside the annotations that `cdrHoldWords` names. */
export type Doubt =
  | "energyAbovePower"
  | "energyAboveCeiling"
  | "durationAboveCeiling"
  | "costAboveCeiling"
  | "notSigned";

const mwhPerKwh = 1e6;
const msPerHour = 3_600_000;
const mwPerWatt = 1_000;
/** Registers of kWh with one decimal. */
const roundingMwh = 100_000;
/** Sessions under it are small (setting `smallSessions`). */
const smallMs = 60_000;

export interface Doubtful {
  readonly cdr: Cdr;
  /** Watts that the connector can give; null: its location does not say. */
  readonly powerW: number | null;
  readonly signed: boolean;
  /** Of a calibrated station: why it cannot be billed by its signed values. */
  readonly signedDoubts: readonly SignedDoubt[];
  /** That its energy goes by. */
  readonly registers: Registers;
}

/** @returns none: it may be issued. */
export function doubtsOf(
  { cdr, powerW, signed, signedDoubts }: Doubtful,
  record: Pick<FrameRecord, "party" | "registry">,
  { registry }: Pick<FoldContext, "registry">,
): readonly string[] {
  const setting = (id: SettingId) => registry.setting(record.party, id, record.registry);
  const limit = (id: Limit) => Number(setting(id));
  const isAbove = (value: number, ceiling: number) => ceiling > 0 && value > ceiling;
  const doubts: string[] = [...signedDoubts];
  const doubt = (word: Doubt, isDoubtful: boolean) => void (isDoubtful && doubts.push(word));
  const percent = limit("cdrHoldPowerPercent");
  if (powerW !== null && percent > 0) {
    const most = (powerW * mwPerWatt * cdr.durationMs * percent) / (msPerHour * 100);
    doubt("energyAbovePower", cdr.energyMwh > most + roundingMwh);
  }
  doubt("energyAboveCeiling", isAbove(cdr.energyMwh / mwhPerKwh, limit("cdrHoldEnergyKwh")));
  doubt("durationAboveCeiling", isAbove(cdr.durationMs / msPerHour, limit("cdrHoldHours")));
  doubt("costAboveCeiling", isAbove(Number(cdr.total?.inclVat ?? 0), limit("cdrHoldCost")));
  doubt("notSigned", setting("cdrHoldUnsigned") === true && !signed && !isNoShow(cdr));
  const words = String(setting("cdrHoldWords")).split(",");
  return [...doubts, ...cdr.annotations.filter((word) => words.includes(word))];
}

export function isSmall(cdr: Cdr): boolean {
  return (cdr.energyMwh === 0 || cdr.durationMs < smallMs) && !isNoShow(cdr);
}

/** It asks for the reservation alone. */
function isNoShow({ annotations }: Cdr): boolean {
  return annotations.includes("reservationExpired");
}
