// The versions of OCPI that are spoken, and which of them with whom. What differs between them is in this folder, as tables by
// version; every module is there once.
import type { PartnerDoc } from "../../../core/registry/entities.ts";

/** The oldest first. */
export const ocpiVersions = ["2.1.1", "2.2.1", "2.3.0"] as const;
export type OcpiVersion = (typeof ocpiVersions)[number];

export function parseVersion(text: unknown): OcpiVersion | undefined {
  return ocpiVersions.find((known) => known === text);
}

/** The one that was agreed on. Before that, and of whoever nobody has spoken with, the one that most speak. */
export function versionWith({ peer }: Pick<PartnerDoc, "peer">): OcpiVersion {
  return parseVersion(peer?.version) ?? "2.2.1";
}

/** Those that a partner may choose from, the best first: the newest, or the one that its operator holds it to. */
export function versionsFor({ onlyVersion }: Pick<PartnerDoc, "onlyVersion">): readonly OcpiVersion[] {
  return onlyVersion === undefined ? ocpiVersions.toReversed() : [onlyVersion];
}

/** Requests go from a party to a party by headers (from 2.2 on). */
export const isRouted: Readonly<Record<OcpiVersion, boolean>> = { "2.1.1": false, "2.2.1": true, "2.3.0": true };

/** Whether tokens go as they are and not in Base64: as the version has it, or as the operator says. */
export function sendsRaw({ rawTokens }: Pick<PartnerDoc, "rawTokens">, version: OcpiVersion): boolean {
  return rawTokens ?? version === "2.1.1";
}
