// Whether a request may speak for a station (reliability.md, security checklist): credentials before anything else is
// told, the same answer for an unknown station and a wrong password, no profile below the registered one.
import type { StationId } from "../../core/ids/ids.ts";
import type { StationDoc } from "../../core/registry/entities.ts";
import { verifyNobody, verifyPassword } from "../../core/registry/password.ts";
import { parseBasicAuth, type Credentials } from "./basic-auth.ts";
import { isNameOf } from "./client-certificate.ts";
import type { Origin } from "./origin.ts";

export type CredentialsVerdict =
  | {
      readonly type: "admitted";
      readonly securityProfile: number;
      /** As the registry keeps it; undefined: none was asked for. */
      readonly shownKey: string | undefined;
      /** The first login with a new password ends the old one's life. */
      readonly endsPreviousPassword: boolean;
      /** Common name of the certificate that names it; undefined: it showed none. */
      readonly certifiedName: string | undefined;
    }
  /** 401: who it is could not be shown. */
  | {
      readonly type: "refused";
      readonly reason: "missing" | "malformed" | "wrongUser" | "wrong" | "noPassword" | "unknown" | "wrongCertificate";
    }
  /** 403: shown, but over a transport below the registered profile. */
  | { readonly type: "profileTooLow"; readonly required: number };

/**
 * @param identity as in the URL, decoded: the user must be the same, letter case aside.
 * @param doc undefined: not registered.
 */
export function checkCredentials(
  authorization: string,
  identity: StationId,
  doc: StationDoc | undefined,
  { secure, certifiedName }: Pick<Origin, "secure" | "certifiedName">,
): CredentialsVerdict {
  const isCertified = certifiedName !== undefined && isNameOf(certifiedName, identity, doc);
  const required = doc?.securityProfile ?? 0;
  // Profile 3 knows no password: what such a station sends along does not count. Below it a password that is shown must be right.
  if (isCertified && (required === 3 || authorization === "" || doc?.password === undefined)) {
    return { type: "admitted", securityProfile: 3, shownKey: undefined, endsPreviousPassword: false, certifiedName };
  }
  if (certifiedName !== undefined && required === 3) return { type: "refused", reason: "wrongCertificate" };
  const given = parseBasicAuth(authorization);
  if (doc?.password === undefined) return withoutPassword(given, doc);
  if (given === undefined) return { type: "refused", reason: "missing" };
  if (given === "malformed") return { type: "refused", reason: "malformed" };
  const isCurrent = verifyPassword(doc.password, given.password);
  const isPrevious = doc.previousPassword !== undefined && verifyPassword(doc.previousPassword, given.password);
  if (given.user.toLowerCase() !== identity.toLowerCase()) return { type: "refused", reason: "wrongUser" };
  if (!isCurrent && !isPrevious) return { type: "refused", reason: "wrong" };
  const securityProfile = isCertified ? 3 : secure ? 2 : 1;
  if (securityProfile < required) return { type: "profileTooLow", required };
  const shownKey = (isCurrent ? doc.password : doc.previousPassword)?.hmac;
  const endsPreviousPassword = isCurrent && doc.previousPassword !== undefined;
  const shownName = isCertified ? certifiedName : undefined;
  return { type: "admitted", securityProfile, shownKey, endsPreviousPassword, certifiedName: shownName };
}

function withoutPassword(
  given: Credentials | "malformed" | undefined,
  doc: StationDoc | undefined,
): CredentialsVerdict {
  // The work is done all the same, so that the time does not tell a registered station from an unknown one.
  if (typeof given === "object") verifyNobody(given.password);
  if (doc !== undefined && (doc.securityProfile ?? 0) > 0) return { type: "refused", reason: "noPassword" };
  // Profile 0: nothing was checked, whatever it sent along and however it came.
  return {
    type: "admitted",
    securityProfile: 0,
    shownKey: undefined,
    endsPreviousPassword: false,
    certifiedName: undefined,
  };
}
