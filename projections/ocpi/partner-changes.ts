// What an operator does with partners: each is a change of the registry, some of them after a talk with the other side.
import { randomUUID } from "node:crypto";

import type { PartnerDoc, PartnerRole } from "../../core/registry/entities.ts";
import type { Principal } from "../rest/principal.ts";
import { Problem } from "../rest/problems.ts";
import { OcpiError } from "./envelope.ts";
import { lookUp, type Found } from "./handshake.ts";
import { showClient } from "./hub-parties.ts";
import { versionsPath, type Partner } from "./partners.ts";
import type { OcpiServices } from "./services.ts";
import { parseCredentials, showCredentials } from "./versions/credentials.ts";
import { sendsRaw, versionsFor, versionWith } from "./versions/version.ts";

type Options = Pick<PartnerDoc, "allowedHosts" | "rawTokens" | "onlyVersion">;

export type PartnerView = ReturnType<typeof showPartner>;

/** Without tokens, but for the one that is still to be handed over. */
export function showPartner({ partners }: OcpiServices, { party, doc }: Partner) {
  const [first] = doc.roles;
  const sealed = doc.tokenA?.sealed;
  return {
    id: doc.id,
    party: first ? `${first.countryCode}${first.partyId}` : null,
    roles: doc.roles.map(({ role, countryCode, partyId, name }) => ({
      role,
      country: countryCode,
      party: partyId,
      ...(name === undefined ? {} : { name }),
    })),
    state: doc.paused ? "paused" : doc.state,
    versionsUrl: `${partners.url}${versionsPath}`,
    tokenA: sealed === undefined ? null : (partners.open(party, doc.id, "tokenA", sealed) ?? null),
    peerVersionsUrl: doc.peer?.versionsUrl ?? null,
    version: doc.peer?.version ?? null,
    endpoints: doc.peer?.endpoints ?? [],
    allowedHosts: doc.allowedHosts ?? [],
    rawTokens: sendsRaw(doc, doc.onlyVersion ?? versionWith(doc)),
    onlyVersion: doc.onlyVersion ?? null,
    hubClients: partners.clientsOf({ party, doc, version: 0 }).map(showClient),
  };
}

/** @throws Problem `conflict` the id or one of the parties is another partner's; nobody gave an address or a key */
export async function addPartner(
  services: OcpiServices,
  by: Principal,
  id: string | undefined,
  roles: readonly PartnerRole[],
  options: Options,
): Promise<PartnerView> {
  const { partners } = services;
  requireSetUp(services);
  const [first] = roles as [PartnerRole];
  const named = id ?? `${first.countryCode}${first.partyId}-${first.role}`;
  if (partners.find(by.party, named)) throw new Problem("conflict", `There is a partner ${named} already.`);
  const other = partners.alsoOf(by.party, named, roles);
  if (other) throw new Problem("conflict", `The partner ${other.doc.id} acts for one of these parties already.`);
  const doc: PartnerDoc = { id: named, roles, state: "pending", ...options, ...tokenA(services, by, named) };
  const written = await partners.write(by.party, doc, named, 0, by);
  return showPartner(services, { party: by.party, doc, version: written.version });
}

function tokenA({ partners }: OcpiServices, by: Principal, id: string): Required<Pick<PartnerDoc, "tokenA">> {
  const { token, sha256 } = partners.issue();
  return { tokenA: { sha256, sealed: partners.seal(by.party, id, "tokenA", token) } };
}

/** @throws Problem `conflict` */
function requireSetUp({ partners }: OcpiServices): void {
  if (!partners.canSeal) throw new Problem("conflict", "Set WATTLOG_SECRETS_KEY first: it seals partners' tokens.");
  try {
    if (partners.url !== "") return;
  } catch (error) {
    const sentence = "Set WATTLOG_OCPI_URL first, to the https address at which partners reach this server.";
    throw new Problem("conflict", sentence, { cause: error });
  }
}

/** What is not named stays. null: as the version has it, or the newest that both speak. */
export interface PartnerChange extends Pick<PartnerDoc, "allowedHosts"> {
  readonly paused?: boolean;
  readonly rawTokens?: boolean | null;
  readonly onlyVersion?: PartnerDoc["onlyVersion"] | null;
}

/** Another version is in force from the next exchange of tokens on (`rotatePartner`, or the partner's PUT). */
export async function changePartner(
  services: OcpiServices,
  by: Principal,
  { party, doc, version: seen }: Partner,
  change: PartnerChange,
): Promise<PartnerView> {
  const { paused, rawTokens, allowedHosts, onlyVersion, ...rest } = doc;
  const isPaused = change.paused ?? paused === true;
  const raw = change.rawTokens === undefined ? rawTokens : change.rawTokens;
  const only = change.onlyVersion === undefined ? onlyVersion : change.onlyVersion;
  const hosts = change.allowedHosts ?? allowedHosts;
  const next: PartnerDoc = {
    ...rest,
    ...(isPaused && { paused: true as const }),
    ...(typeof raw === "boolean" && { rawTokens: raw }),
    ...(hosts && { allowedHosts: hosts }),
    ...(only && { onlyVersion: only }),
  };
  const { version: now } = await services.partners.write(party, next, doc.id, seen, by);
  return showPartner(services, { party, doc: next, version: now });
}

/**
 * We are the sender of the credentials: look up, tell the other side our token, keep what it gives.
 * @throws Problem `conflict` with what the other side said or could not do; nothing is kept then
 */
export async function registerAt(
  services: OcpiServices,
  by: Principal,
  url: string,
  token: string,
  options: Options,
): Promise<PartnerView> {
  requireSetUp(services);
  const { partners, peers } = services;
  const { party } = by;
  const id = randomUUID();
  const { token: ours, sha256 } = partners.issue();
  return talking(async () => {
    const found = await lookUp(peers, { doc: options, token }, url, versionsFor(options));
    // It looks us up with our token before it answers, so the token is good before it is told.
    const registering: PartnerDoc = { id, roles: [], state: "registering", tokenSha256: sha256, ...options };
    const { version: seen } = await partners.write(party, registering, id, 0, by);
    try {
      const theirs = await tell(services, by, found, registering, "POST", ours);
      requireFree(services, by, id, theirs.roles);
      const sealedToken = partners.seal(party, id, "token", theirs.token);
      const doc: PartnerDoc = {
        ...registering,
        roles: theirs.roles,
        state: "registered",
        peer: { ...found.peer, versionsUrl: theirs.url, sealedToken },
      };
      const { version: now } = await partners.write(party, doc, id, seen, by);
      return showPartner(services, { party, doc, version: now });
    } catch (error) {
      await partners.write(party, null, id, null, by);
      throw error;
    }
  });
}

/** For a registered partner both tokens change; for any other token A does, and it may register again. */
export async function rotatePartner(services: OcpiServices, by: Principal, partner: Partner): Promise<PartnerView> {
  const { partners, peers } = services;
  const { party, doc } = partner;
  if (doc.state !== "registered" || !doc.peer) {
    const { tokenSha256: _old, nextTokenSha256: _next, peer: _peer, ...kept } = doc;
    const next: PartnerDoc = { ...kept, state: "pending", ...tokenA(services, { ...by, party }, doc.id) };
    const { version: now } = await partners.write(party, next, doc.id, partner.version, by);
    return showPartner(services, { party, doc: next, version: now });
  }
  const { token, sha256 } = partners.issue();
  const { versionsUrl } = doc.peer;
  return talking(async () => {
    const { token: presented } = peers.addressOf(partner);
    const found = await lookUp(peers, { doc, token: presented }, versionsUrl, [doc.onlyVersion ?? versionWith(doc)]);
    const telling: PartnerDoc = { ...doc, nextTokenSha256: sha256 };
    const { version: seen } = await partners.write(party, telling, doc.id, partner.version, by);
    try {
      const theirs = await tell(services, by, found, doc, "PUT", token);
      const sealedToken = partners.seal(party, doc.id, "token", theirs.token);
      const next: PartnerDoc = { ...doc, tokenSha256: sha256, peer: { ...found.peer, sealedToken } };
      const { version: now } = await partners.write(party, next, doc.id, seen, by);
      return showPartner(services, { party, doc: next, version: now });
    } catch (error) {
      await partners.write(party, doc, doc.id, seen, by);
      throw error;
    }
  });
}

/**
 * All of it again (`resync`), or only what nobody tried any more (`retry`): an id in the registry, which whoever pushes to it
 * carries out once.
 */
export async function askForPushes(
  services: OcpiServices,
  by: Principal,
  { party, doc, version: seen }: Partner,
  what: "resync" | "retry",
): Promise<{ readonly id: string }> {
  if (doc.state !== "registered") throw new Problem("conflict", `The partner ${doc.id} is not registered.`);
  const id = randomUUID();
  await services.partners.write(party, { ...doc, pushes: { ...doc.pushes, [what]: id } }, doc.id, seen, by);
  return { id };
}

/** Told where it is registered; removed whether or not it listens. */
export async function removePartner(services: OcpiServices, by: Principal, partner: Partner): Promise<void> {
  const { partners, peers } = services;
  const { party, doc, version: seen } = partner;
  await partners.write(party, null, doc.id, seen, by);
  const url = doc.peer?.endpoints.find(({ identifier }) => identifier === "credentials")?.url;
  if (doc.state !== "registered" || url === undefined) return;
  try {
    await peers.send(peers.addressOf(partner), { method: "DELETE", url });
  } catch (error) {
    if (!(error instanceof OcpiError)) throw error;
  }
}

async function tell(
  { partners, peers }: OcpiServices,
  { party }: Principal,
  { address, version, peer: { endpoints } }: Found,
  { roles: agreed }: PartnerDoc,
  method: "POST" | "PUT",
  token: string,
) {
  // Looking up made sure that there is one.
  const { url } = endpoints.find(({ identifier }) => identifier === "credentials")!;
  const own = { token, url: `${partners.url}${versionsPath}`, roles: partners.ownRoles(party) };
  const body = showCredentials(version, own);
  return parseCredentials(version, await peers.call(address, { method, url, body }), agreed);
}

function requireFree(
  { partners }: OcpiServices,
  { party }: Principal,
  id: string,
  roles: readonly PartnerRole[],
): void {
  const other = partners.alsoOf(party, id, roles);
  if (other) throw new Problem("conflict", `The partner ${other.doc.id} acts for one of these parties already.`);
}

/** What the other side does wrong is a state of things to the operator, not a fault of the request. */
async function talking<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof OcpiError)
      throw new Problem("conflict", `OCPI ${error.status}: ${error.message}`, { cause: error });
    throw error;
  }
}
