// Which of the tariffs of a connector a session is priced by. Pure; who looks tariffs up hands them in.
import type { TariffDoc } from "../registry/entities.ts";
import { isFields } from "./faults.ts";
import { timeOf } from "./tariff-faults.ts";

/** Who charges, when. Absent: nobody knows, or it does not apply. */
export interface TariffAsk {
  /** Epoch ms: the session's start. A driver pays by the tariff that was valid then (OCPI 2.2.1, 5.3.1, note). */
  readonly at: number;
  /** `AD_HOC_USER` is who pays at the station. */
  readonly tokenType?: string;
  readonly token?: string;
  readonly group?: string;
  /** Country code and party id of the roaming partner whose token it is, e.g. `DEABC`. */
  readonly partner?: string;
  /** OCPI 2.2.1, ProfileType of the charging preferences. */
  readonly profile?: "CHEAP" | "FAST" | "GREEN" | "REGULAR";
}

/** Specific enough to go before what is for everybody: a token, its group, its partner. */
const audiences = [
  ["tokens", "token"],
  ["groups", "group"],
  ["partners", "partner"],
] as const;

/** What became of a tariff that was looked at; `lessSpecific`: it applies, and another goes before it. */
export type Candidacy = "chosen" | "lessSpecific" | "notValidThen" | "otherType" | "forOthers";

/** Between start_date_time (inclusive) and end_date_time (exclusive), and from validFrom on. */
export function isValidAt(tariff: TariffDoc, at: number): boolean {
  const { validFrom, start_date_time: start, end_date_time: end } = tariff;
  if (typeof validFrom === "string" && at < timeOf(validFrom)) return false;
  if (typeof start === "string" && at < timeOf(start)) return false;
  return !(typeof end === "string" && at >= timeOf(end));
}

/**
 * The most specific audience (`appliesTo: {tokens?, groups?, partners?}`, ours) goes first, then the type that was asked for
 * (OCPI 2.2.1, 5.4.7 TariffType) before one without a type, then the order in which they came.
 * @param tariffs of the connector, in its order, each in the version of the session's start.
 * @param tell what became of each.
 */
export function chooseTariff(
  tariffs: readonly TariffDoc[],
  ask: TariffAsk,
  tell?: (tariff: TariffDoc, candidacy: Candidacy) => void,
): TariffDoc | undefined {
  const type = typeAsked(ask);
  let best: TariffDoc | undefined;
  let bestRank = Infinity;
  for (const tariff of tariffs) {
    if (!isValidAt(tariff, ask.at)) {
      tell?.(tariff, "notValidThen");
      continue;
    }
    const audience = audienceRank(tariff["appliesTo"], ask);
    const typeRank = tariff["type"] === undefined ? 1 : tariff["type"] === type ? 0 : undefined;
    if (audience === undefined || typeRank === undefined) {
      tell?.(tariff, audience === undefined ? "forOthers" : "otherType");
      continue;
    }
    const rank = 2 * audience + typeRank;
    if (rank >= bestRank) {
      tell?.(tariff, "lessSpecific");
      continue;
    }
    if (best) tell?.(best, "lessSpecific");
    best = tariff;
    bestRank = rank;
  }
  if (best) tell?.(best, "chosen");
  return best;
}

function typeAsked({ tokenType, profile }: TariffAsk): string {
  if (tokenType === "AD_HOC_USER") return "AD_HOC_PAYMENT";
  return profile === undefined || profile === "REGULAR" ? "REGULAR" : `PROFILE_${profile}`;
}

/** @returns undefined: it is for somebody else. */
function audienceRank(appliesTo: unknown, ask: TariffAsk): number | undefined {
  if (!isFields(appliesTo)) return audiences.length;
  const rank = audiences.findIndex(([name, of]) => {
    const named = appliesTo[name];
    return Array.isArray(named) && ask[of] !== undefined && named.includes(ask[of]);
  });
  return rank < 0 ? undefined : rank;
}
