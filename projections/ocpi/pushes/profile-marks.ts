// Which sessions' active charging profiles may have changed for another reason than their partner asking: profiles that we set or
// clear, limits and schedules that stations tell of (2.2.1, ChargingProfiles, Sender interface, PUT).
import type { PartyId } from "../../../core/ids/ids.ts";
import type { DomainEvent } from "../../../core/records/domain-event.ts";
import type { CommandOrigin } from "../../../core/records/frame-record.ts";
import { isMembers } from "../values.ts";
import type { Mark } from "./marks.ts";
import type { PushNeeds } from "./needs.ts";
import { profilesOf } from "./peers.ts";
import type { EndedCommand } from "./result-marks.ts";

interface Change {
  readonly party: PartyId;
  readonly station: string;
  /** 0: any of the station. */
  readonly evseId: number;
  readonly logTime: number;
}

export async function profileMarks(
  needs: PushNeeds,
  events: readonly DomainEvent[],
  ended: readonly EndedCommand[],
): Promise<readonly Mark[]> {
  const changes = [...events.flatMap(heardOf), ...ended.flatMap(madeBy)];
  const marks = await Promise.all(changes.map((change) => marksOf(needs, change)));
  return marks.flat();
}

/** Of what is limited from elsewhere, and what vehicles plan (2.x K11-K13, K16, K17). */
function heardOf({ party, station, logTime, body }: DomainEvent): readonly Change[] {
  if (body.kind !== "documentsChanged") return [];
  return body.changes.flatMap(({ collection, key }) => {
    const [first, second] = key.split("/");
    if (collection === "chargingLimits") return [{ party, station, evseId: Number(first), logTime }];
    // `composite/…` is the answer to a question, not a change.
    if (collection === "chargingSchedules" && first === "ev") {
      return [{ party, station, evseId: Number(second), logTime }];
    }
    return [];
  });
}

const setsOrClears: ReadonlySet<string> = new Set(["SetChargingProfile", "ClearChargingProfile"]);

/** By anybody but the partner itself, which has asked for it and hears the result. */
function madeBy({ party, station, action, payload, outcome, origin, logTime }: EndedCommand): readonly Change[] {
  if (!setsOrClears.has(action) || outcome !== "accepted" || origin.reply) return [];
  const asked = JSON.parse(payload) as Readonly<Record<string, unknown>>;
  const criteria = isMembers(asked["chargingProfileCriteria"]) ? asked["chargingProfileCriteria"] : {};
  const evseId = asked["connectorId"] ?? asked["evseId"] ?? criteria["evseId"];
  return [{ party, station, evseId: typeof evseId === "number" ? evseId : 0, logTime }];
}

async function marksOf(needs: PushNeeds, { party, station, evseId, logTime }: Change): Promise<readonly Mark[]> {
  const sessions = await needs.store.reader
    .selectFrom("live_session")
    .select(["id", "evse_id"])
    .where("party", "=", party)
    .where("station", "=", station)
    .where("status", "=", "active")
    .execute();
  const marks: Mark[] = [];
  for (const session of sessions) {
    if (evseId !== 0 && session.evse_id !== evseId) continue;
    const partner = await setterOf(needs, party, station, session.id);
    if (partner === undefined) continue;
    marks.push({ party, partner, kind: "profiles", object: session.id, due: logTime });
  }
  return marks;
}

/** The partner that has set a profile of this session with success; never told are those that have not. */
async function setterOf(
  { store, registry }: PushNeeds,
  party: PartyId,
  station: string,
  session: string,
): Promise<string | undefined> {
  const rows = await store.reader
    .selectFrom("live_command")
    .select("origin")
    .where("party", "=", party)
    .where("station", "=", station)
    .where("action", "=", "SetChargingProfile")
    .where("outcome", "=", "accepted")
    .where("origin", "like", `%"session":"${session}"%`)
    .limit(1)
    .execute();
  const partner = rows
    .map(({ origin }) => JSON.parse(origin) as CommandOrigin)
    .find(({ via }) => via === "ocpi")?.actor;
  const doc = partner === undefined ? undefined : registry.find(party, "partner", partner)?.doc;
  return doc && profilesOf(doc) !== undefined ? partner : undefined;
}
