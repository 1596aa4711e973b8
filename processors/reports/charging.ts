// Smart charging as far as stations tell it: profiles, needs, schedules, limits (2.0.1 K01-K18; 1.6 §5.16, §5.5, §5.7).
import type { FoldContext } from "../engine/station-fold.ts";
import { fieldsOf, indexOf, listOf, numberOf, textOf, type Fields } from "../payload.ts";
import { field, tell, tellAll, type Done, type Report } from "./field.ts";
import { addPart, reportOf, type Assembly } from "./report-parts.ts";
import { timeOf } from "./report-time.ts";

/** What ClearChargingProfile chooses by. */
interface Profile {
  readonly key: string;
  readonly id: string;
  readonly evseId: number;
  readonly purpose: string | null;
  readonly stackLevel: number | null;
}

interface Charging {
  readonly profiles: readonly Profile[];
  readonly reports: readonly Assembly[];
}

/** MaxChargingProfilesInstalled of real stations is below 100. */
const profilesRemembered = 256;

export const charging = field<Charging>({
  name: "charging",
  initial: { profiles: [], reports: [] },
  reports: {
    ReportChargingProfiles: profilesReported,
    NotifyEVChargingNeeds: needs,
    NotifyEVChargingSchedule: evSchedule,
    NotifyChargingLimit: limit,
    ClearedChargingLimit: limitCleared,
  },
  results: { SetChargingProfile: profileSet, ClearChargingProfile: profilesCleared, GetCompositeSchedule: composite },
});

// --- profiles ---

function profileSet(state: Charging, done: Done, context: FoldContext): Charging {
  if (done.outcome !== "accepted") return state;
  const { request } = done;
  const profile = fieldsOf(request["chargingProfile"] ?? request["csChargingProfiles"]);
  return withProfiles(state, indexOf(request["evseId"] ?? request["connectorId"]), [profile], "CSO", context);
}

/** K09: in parts without a number; `tbc` says that more come. */
function profilesReported(state: Charging, { request }: Report, context: FoldContext): Charging {
  const profiles = listOf(request["chargingProfile"]).map(fieldsOf);
  const source = textOf(request["chargingLimitSource"]);
  const after = withProfiles(state, indexOf(request["evseId"]), profiles, source, context);
  const { assemblies, assembly } = addPart(state.reports, request, profiles.length);
  tellAll(context, "reports", [reportOf("chargingProfiles", assembly, context)]);
  return { ...after, reports: assemblies };
}

function withProfiles(
  state: Charging,
  evseId: number,
  profiles: readonly Fields[],
  source: string | null,
  context: FoldContext,
): Charging {
  const told = profiles.map((profile): [Profile, object] => {
    const id = textOf(profile["id"] ?? profile["chargingProfileId"]) ?? "";
    const purpose = textOf(profile["chargingProfilePurpose"]);
    const stackLevel = numberOf(profile["stackLevel"]);
    const key = `${evseId}/${id}`;
    return [
      { key, id, evseId, purpose, stackLevel },
      { profileId: id, evseId, purpose, stackLevel, source, profile },
    ];
  });
  tellAll(
    context,
    "chargingProfiles",
    told.map(([{ key }, document]) => [key, document]),
  );
  const keys = new Set(told.map(([{ key }]) => key));
  const others = state.profiles.filter(({ key }) => !keys.has(key));
  return { ...state, profiles: [...others, ...told.map(([profile]) => profile)].slice(-profilesRemembered) };
}

/** 2.0.1 K10, 1.6 §5.5: by number, or by whatever of place, purpose and level is given; nothing given means all. */
function profilesCleared(state: Charging, done: Done, context: FoldContext): Charging {
  if (done.outcome !== "accepted") return state;
  const { request } = done;
  const criteria = fieldsOf(request["chargingProfileCriteria"]);
  const id = textOf(request["chargingProfileId"] ?? request["id"]);
  const place = request["connectorId"] ?? criteria["evseId"];
  const purpose = textOf(request["chargingProfilePurpose"] ?? criteria["chargingProfilePurpose"]);
  const level = numberOf(request["stackLevel"] ?? criteria["stackLevel"]);
  const isMeant = (p: Profile) =>
    id === null
      ? (place === undefined || p.evseId === indexOf(place)) &&
        (purpose === null || p.purpose === purpose) &&
        (level === null || p.stackLevel === level)
      : p.id === id;
  const gone = state.profiles.filter(isMeant);
  tellAll(
    context,
    "chargingProfiles",
    gone.map(({ key }) => [key, null]),
  );
  return { ...state, profiles: state.profiles.filter((p) => !isMeant(p)) };
}

// --- what the vehicle and others want ---

/** K15: ISO 15118. */
function needs(state: Charging, { request, answer }: Report, context: FoldContext): Charging {
  const evseId = indexOf(request["evseId"]);
  tell(context, "chargingNeeds", String(evseId), {
    evseId,
    maxScheduleTuples: numberOf(request["maxScheduleTuples"]),
    needs: fieldsOf(request["chargingNeeds"]),
    answered: textOf(answer["status"]),
  });
  return state;
}

/** K16, K17. */
function evSchedule(state: Charging, { request }: Report, context: FoldContext): Charging {
  const evseId = indexOf(request["evseId"]);
  const timeBase = timeOf(request["timeBase"], context);
  tell(context, "chargingSchedules", `ev/${evseId}`, {
    evseId,
    kind: "ev",
    timeBase,
    schedule: fieldsOf(request["chargingSchedule"]),
  });
  return state;
}

/** 2.0.1 K08, 1.6 §5.7. */
function composite(state: Charging, { request, response, outcome }: Done, context: FoldContext): Charging {
  if (outcome !== "accepted") return state;
  const evseId = indexOf(request["evseId"] ?? request["connectorId"]);
  const schedule = fieldsOf(response["schedule"] ?? response["chargingSchedule"]);
  const timeBase = timeOf(schedule["scheduleStart"] ?? response["scheduleStart"], context);
  tell(context, "chargingSchedules", `composite/${evseId}`, { evseId, kind: "composite", timeBase, schedule });
  return state;
}

/** K11-K13: somebody else limits the station, e.g. an energy management system. */
function limit(state: Charging, { request }: Report, context: FoldContext): Charging {
  const evseId = indexOf(request["evseId"]);
  const limitOf = fieldsOf(request["chargingLimit"]);
  const source = textOf(limitOf["chargingLimitSource"]) ?? "";
  tell(context, "chargingLimits", `${evseId}/${source}`, {
    evseId,
    source,
    isGridCritical: limitOf["isGridCritical"] === true,
    schedules: listOf(request["chargingSchedule"]),
  });
  return state;
}

function limitCleared(state: Charging, { request }: Report, context: FoldContext): Charging {
  const source = textOf(request["chargingLimitSource"]) ?? "";
  tell(context, "chargingLimits", `${indexOf(request["evseId"])}/${source}`, null);
  return state;
}
