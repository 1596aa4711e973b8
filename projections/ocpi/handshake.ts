// Registration (Credentials): what each side looks up at the other before it believes a token, in both directions.
import type { PartnerDoc, PartnerPeer } from "../../core/registry/entities.ts";
import { OcpiError, statusCodes } from "./envelope.ts";
import { addressWith, type PeerAddress, type PeerClient } from "./peer-client.ts";
import { isMembers, type Members } from "./values.ts";
import { sendsRaw, type OcpiVersion } from "./versions/version.ts";

const urlMaxChars = 255;
const endpointsMax = 100;

/** A platform that no version is agreed on with yet. */
export interface Stranger {
  readonly doc: Pick<PartnerDoc, "rawTokens" | "allowedHosts">;
  /** What we present to it. */
  readonly token: string;
}

export interface Found {
  readonly peer: Omit<PartnerPeer, "sealedToken">;
  readonly version: OcpiVersion;
  readonly address: PeerAddress;
}

/**
 * Versions, then details of the version, at the other side.
 * @param wanted the best first: the first that it has is taken
 * @throws OcpiError 3001 it cannot be used, 3002 it has no such version, 3003 it has no credentials endpoint there.
 */
export async function lookUp(
  peers: PeerClient,
  { doc, token }: Stranger,
  versionsUrl: string,
  wanted: readonly OcpiVersion[],
): Promise<Found> {
  const versions = await versionsAt(peers, { doc, token }, versionsUrl, wanted);
  const urlOf = (version: OcpiVersion) => versions.find((one) => one["version"] === version)?.["url"];
  const version = wanted.find((one) => typeof urlOf(one) === "string");
  if (!version) throw new OcpiError(statusCodes.unsupportedVersion, `Your versions have no ${wanted.join(" or ")}.`);
  const address = addressWith(doc, token, version);
  const details = await peers.call(address, { method: "GET", url: String(urlOf(version)) });
  const endpoints = listOf(isMembers(details) ? details["endpoints"] : undefined).flatMap((endpoint) =>
    endpointOf(endpoint, version),
  );
  if (!endpoints.some(({ identifier }) => identifier === "credentials")) {
    throw new OcpiError(statusCodes.noMatchingEndpoints, `Your version ${version} has no credentials endpoint.`);
  }
  return { peer: { versionsUrl, version, endpoints }, version, address };
}

/** The list is of no version, and versions differ in how a token is sent: in each form until one is understood. */
async function versionsAt(
  peers: PeerClient,
  { doc, token }: Stranger,
  url: string,
  wanted: readonly OcpiVersion[],
): Promise<Members[]> {
  const [first, ...others] = wanted;
  const other = others.find((version) => sendsRaw(doc, version) !== sendsRaw(doc, first!));
  try {
    return listOf(await peers.call(addressWith(doc, token, first!), { method: "GET", url }));
  } catch (error) {
    if (other === undefined || !(error instanceof OcpiError)) throw error;
    return listOf(await peers.call(addressWith(doc, token, other), { method: "GET", url }));
  }
}

function listOf(value: unknown): Members[] {
  return Array.isArray(value) ? value.slice(0, endpointsMax).filter(isMembers) : [];
}

/** 2.1.1 names no roles: of an eMSP's modules it is asked for its tokens, and told the others. */
function endpointOf(endpoint: Members, version: OcpiVersion): PartnerPeer["endpoints"] {
  const { identifier, role, url } = endpoint;
  const isKnown = typeof identifier === "string" && identifier.length <= 64 && typeof url === "string";
  if (!isKnown || url.length > urlMaxChars) return [];
  if (version === "2.1.1") return [{ identifier, role: identifier === "tokens" ? "SENDER" : "RECEIVER", url }];
  // Credentials have no direction; some leave their role out.
  return [{ identifier, role: role === "SENDER" || role === "RECEIVER" ? role : "RECEIVER", url }];
}
