// Receiver interface of hubclientinfo (2.2.1, HubClientInfo): who else is connected to a hub, and whether it can be reached now. Each is
// an entry of the registry, so every process knows it, and a hub acts for the parties that it lists.
import { limits } from "../../core/config/limits.ts";
import type { HubClientDoc } from "../../core/registry/entities.ts";
import { writeEntity } from "../rest/registry-writer.ts";
import type { OcpiCall, OcpiHandler } from "./call.ts";
import { invalid, notFound, OcpiError, statusCodes } from "./envelope.ts";
import { behindHub, clientId, clientIds, isHub, roleNames, showClient, type PartyName } from "./hub-parties.ts";
import { isSameParty, principalOf, type Partner } from "./partners.ts";
import type { PushNeeds } from "./pushes/needs.ts";
import { isMembers, textIn, timeIn } from "./values.ts";

const statuses = ["CONNECTED", "OFFLINE", "PLANNED", "SUSPENDED"] as const;

export const getClientInfo: OcpiHandler = (call) => {
  requireHub(call.partner);
  const found = behindHub(call.context.registry, call.partner, partyIn(call));
  // The address has no role: of several the one that the hub spoke of last.
  const [last] = found.toSorted((a, b) => b.updatedAt - a.updatedAt);
  if (!last) throw notFound("There is no such party of yours here.");
  return Promise.resolve({ data: showClient(last) });
};

export const putClientInfo: OcpiHandler = async (call) => {
  requireHub(call.partner);
  const client = parseClient(call.partner, call.body);
  if (!isSameParty(client, partyIn(call))) throw invalid("Path and body name two parties.");
  const isKnown = call.context.registry.find(call.party, "hubClient", client.id) !== undefined;
  await storeClient(call.context, call.partner, client);
  return { http: isKnown ? 200 : 201 };
};

/** @throws OcpiError 2000: this module is between a hub and its clients */
function requireHub(partner: Partner): void {
  if (!isHub(partner)) throw new OcpiError(statusCodes.clientError, "You are no hub.");
}

function partyIn({ params }: OcpiCall): PartyName {
  return { countryCode: params["country"] ?? "", partyId: params["party"] ?? "" };
}

/** @throws OcpiError 2001 */
export function parseClient({ doc: { id: hub } }: Partner, value: unknown): HubClientDoc {
  if (!isMembers(value)) throw invalid("A ClientInfo object is needed.");
  const name = {
    countryCode: textIn(value, "country_code", 2).toUpperCase(),
    partyId: textIn(value, "party_id", 3).toUpperCase(),
  };
  const role = roleNames.find((known) => known === value["role"]);
  if (!role) throw invalid(`role must be one of ${roleNames.join(", ")}.`);
  const status = statuses.find((known) => known === value["status"]);
  if (!status) throw invalid(`status must be one of ${statuses.join(", ")}.`);
  return { id: clientId(hub, name, role), hub, ...name, role, status, updatedAt: timeIn(value, "last_updated") };
}

/**
 * The hub is the owner: what it says replaces what is known.
 * @throws OcpiError 2001 too many; Problem `unavailable`
 */
export async function storeClient(
  context: Pick<PushNeeds, "log" | "registry" | "clock">,
  partner: Partner,
  client: HubClientDoc,
): Promise<void> {
  const { registry } = context;
  const known = registry.find(partner.party, "hubClient", client.id)?.doc;
  if (!known && clientIds(registry, partner.party, partner.doc.id).length >= limits.ocpiHubClients) {
    throw invalid(`No more than ${limits.ocpiHubClients} parties of one hub are kept.`);
  }
  if (known && known.status === client.status && known.updatedAt === client.updatedAt) return;
  await writeEntity(context, principalOf(partner), "hubClient", client.id, client, null);
}
