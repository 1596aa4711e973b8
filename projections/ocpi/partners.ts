// Partners as the registry has them. Whoever calls is found by the hash of the token that it presents; no token of
// theirs or ours is in the registry, the log or an answer but where it was asked for.
import { createHash, randomBytes } from "node:crypto";

import { trusted, type PartyId } from "../../core/ids/ids.ts";
import type { PartnerDoc, PartnerRole } from "../../core/registry/entities.ts";
import { SecretBox } from "../../core/registry/sealed.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import type { ApiOptions } from "../rest/context.ts";
import type { Principal } from "../rest/principal.ts";
import { writeEntity } from "../rest/registry-writer.ts";
import { OcpiError, statusCodes } from "./envelope.ts";
import { behindHub, clientsOf } from "./hub-parties.ts";
import { same } from "./values.ts";
import { isRouted, sendsRaw, versionWith, type OcpiVersion } from "./versions/version.ts";

export interface Partner {
  /** Ours that it was added to. */
  readonly party: PartyId;
  readonly doc: PartnerDoc;
  /** Of the registry entry. */
  readonly version: number;
}

/** `tokenA`: before it has registered. */
export type Access = "tokenA" | "registered";

export interface OwnRole {
  readonly role: "CPO";
  readonly country_code: string;
  readonly party_id: string;
  readonly business_details: { readonly name: string };
}

export const versionsPath = "/ocpi/versions";
const tokenBytes = 32;
const countryChars = 2;

type PartnersNeeds = Pick<ApiOptions, "log" | "registry" | "clock" | "ocpi">;

export class Partners {
  private readonly context: PartnersNeeds;
  private readonly box: SecretBox | undefined;

  constructor(context: PartnersNeeds) {
    this.context = context;
    const secret = context.ocpi?.secret;
    this.box = secret === undefined ? undefined : new SecretBox(secret);
  }

  /**
   * @param text as the Authorization header has it after `Token `
   * @param version of the address; null: of none (`/versions`), where a partner of any version begins, in either form
   */
  byToken(
    text: string,
    version: OcpiVersion | null,
  ): { readonly partner: Partner; readonly access: Access; readonly presented: string } | undefined {
    const raw = formOf(text);
    const decoded = formOf(Buffer.from(text, "base64").toString("utf8").trim());
    for (const partner of this.all()) {
      const { doc } = partner;
      const forms = version === null ? [decoded, raw] : [sendsRaw(doc, version) ? raw : decoded];
      for (const { sha256: given, presented } of forms) {
        if (doc.tokenA?.sha256 === given) return { partner, access: "tokenA", presented };
        if (doc.tokenSha256 !== given && doc.nextTokenSha256 !== given) continue;
        return { partner, access: doc.state === "registered" ? "registered" : "tokenA", presented };
      }
    }
    return undefined;
  }

  *all(): Iterable<Partner> {
    const { registry } = this.context;
    for (const name of registry.parties()) yield* this.of(trusted.party(name));
  }

  *of(party: PartyId): Iterable<Partner> {
    const { registry } = this.context;
    for (const id of registry.ids(party, "partner")) {
      const found = registry.find(party, "partner", id);
      if (found) yield { party, ...found };
    }
  }

  find(party: PartyId, id: string): Partner | undefined {
    const found = this.context.registry.find(party, "partner", id);
    return found && { party, ...found };
  }

  actsFor(partner: Partner, countryCode: string, partyId: string): boolean {
    return actsFor(this.context.registry, partner, countryCode, partyId);
  }

  /** Of a hub: who is connected to it. */
  clientsOf(partner: Partner) {
    return clientsOf(this.context.registry, partner);
  }

  /** Another partner that acts for one of these parties: a party is at one place only. */
  alsoOf(party: PartyId, id: string, roles: readonly PartnerRole[]): Partner | undefined {
    for (const other of this.of(party)) {
      if (other.doc.id === id || other.doc.state === "unregistered") continue;
      if (other.doc.roles.some((theirs) => roles.some((role) => isSameParty(theirs, role)))) return other;
    }
    return undefined;
  }

  /** @param expected version that the caller saw; 0: it must be new. @throws Problem `version-conflict`, `unavailable` */
  async write(party: PartyId, doc: PartnerDoc | null, id: string, expected: number | null, by: Principal) {
    return writeEntity(this.context, { ...by, party }, "partner", id, doc, expected);
  }

  /** A token for the other side, and what the registry keeps of it. */
  issue(): { readonly token: string; readonly sha256: string } {
    const token = randomBytes(tokenBytes).toString("hex");
    return { token, sha256: sha256(token) };
  }

  /** @throws OcpiError 3000 where nobody gave a key. */
  seal(party: PartyId, id: string, what: "tokenA" | "token", secret: string): string {
    return this.keyed().seal(placeOf(party, id, what), secret);
  }

  /** undefined: sealed under another key. @throws OcpiError 3000 */
  open(party: PartyId, id: string, what: "tokenA" | "token", sealed: string): string | undefined {
    return this.keyed().open(placeOf(party, id, what), sealed);
  }

  get canSeal(): boolean {
    return this.box !== undefined;
  }

  /** Where partners find us. @throws OcpiError 3000 where nobody said it. */
  get url(): string {
    const url = this.context.ocpi?.url;
    if (url === undefined) throw new OcpiError(statusCodes.serverError, "WATTLOG_OCPI_URL is not set.");
    // Tests and port 0: known once it listens.
    return url.endsWith(":0") ? `${url.slice(0, -2)}:${this.listeningOn?.() ?? 0}` : url;
  }

  /** Set by the api: the port that it listens on. */
  listeningOn: (() => number) | undefined;

  ownRoles(party: PartyId): readonly OwnRole[] {
    const [country_code, party_id] = [party.slice(0, countryChars), party.slice(countryChars)];
    const name = this.context.ocpi?.name ?? `${country_code}-${party_id}`;
    return [{ role: "CPO", country_code, party_id, business_details: { name } }];
  }

  /** Headers of functional modules; none in 2.1.1. @param to absent: its first role that is an eMSP's, or any */
  routingTo({ party, doc }: Partner, to?: Pick<PartnerRole, "countryCode" | "partyId">): Record<string, string> {
    if (!isRouted[versionWith(doc)]) return {};
    const [own] = this.ownRoles(party);
    const role = to ?? doc.roles.find((one) => one.role === "EMSP") ?? doc.roles[0];
    return {
      "ocpi-from-country-code": own!.country_code,
      "ocpi-from-party-id": own!.party_id,
      "ocpi-to-country-code": role?.countryCode ?? "",
      "ocpi-to-party-id": role?.partyId ?? "",
    };
  }

  private keyed(): SecretBox {
    if (this.box) return this.box;
    throw new OcpiError(statusCodes.serverError, "WATTLOG_SECRETS_KEY is not set.");
  }
}

function placeOf(party: PartyId, id: string, what: string): string {
  return `${party}/partner/${id}/${what}`;
}

function formOf(presented: string): { readonly presented: string; readonly sha256: string } {
  return { presented, sha256: sha256(presented) };
}

export function isSameParty(
  a: Pick<PartnerRole, "countryCode" | "partyId">,
  b: Pick<PartnerRole, "countryCode" | "partyId">,
): boolean {
  return same(a.countryCode, b.countryCode) && same(a.partyId, b.partyId);
}

/** Whether objects of this party are the partner's to write: its own, and of a hub those of the parties that it lists. */
export function actsFor(registry: RegistryView, partner: Partner, countryCode: string, partyId: string): boolean {
  const named = { countryCode, partyId };
  return partner.doc.roles.some((role) => isSameParty(role, named)) || behindHub(registry, partner, named).length > 0;
}

/** Who writes into the registry and the log when a partner asked for it. */
export function principalOf({ party, doc }: Partner): Principal {
  return { actor: doc.id, role: "operator", party, via: "ocpi" };
}

export function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}
