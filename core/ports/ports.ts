// Needs of one folder that are met by knowledge of another, chosen by the composition root.
import type { PartyId, StationId } from "../ids/ids.ts";
import type { TokenDoc } from "../registry/entities.ts";

/** A token of a roaming partner that a station asks about. */
export interface AuthorisationQuestion {
  readonly party: PartyId;
  readonly station: StationId;
  readonly token: TokenDoc;
  /** As wattlog numbers them: of a 1.6 station n and 1. undefined: the station has not said where. */
  readonly evseId: number | undefined;
  /** Whoever asks waits no longer than this, ms. */
  readonly deadlineMs: number;
}

/** OCPI 2.2.1 AllowedType, and `UNKNOWN` where the partner has no such token (2004). */
export const allowedTypes = ["ALLOWED", "BLOCKED", "EXPIRED", "NO_CREDIT", "NOT_ALLOWED", "UNKNOWN"] as const;
export type AllowedType = (typeof allowedTypes)[number];

export type AuthorisationAnswer =
  | {
      readonly result: "answered";
      readonly allowed: AllowedType;
      /** OCPI's authorization_reference: the partner wants to see it again in session and CDR. */
      readonly reference?: string;
    }
  /** `refused`: it answered, but decided nothing. `unasked`: nobody was asked, because it was away lately or is asked too much. */
  | { readonly result: "noAnswer"; readonly why: "timeout" | "failed" | "refused" | "unasked" };

/** Real-time authorisation at a roaming partner (OCPI 2.2.1, Tokens, POST authorize): decision 0026. */
export interface Authoriser {
  /** Whether the token's partner can be asked at all: it is connected, not paused, and serves the interface. Cheap. */
  canAsk(party: PartyId, token: TokenDoc): boolean;
  /** Never rejects; may answer after the deadline, when nobody listens any more. */
  ask(question: AuthorisationQuestion): Promise<AuthorisationAnswer>;
}

export interface CertificateRequest {
  readonly party: PartyId;
  readonly station: StationId;
  /** CertificateSigningUseEnumType: `ChargingStationCertificate`, `V2GCertificate`, … */
  readonly type: string;
  /** PKCS#10 in PEM, as the station sent it: nothing in it is to be trusted. */
  readonly csr: string;
  /** What the subject's common name must be: the station's registered serial number, else its identity. */
  readonly commonName: string;
}

export type SigningResult =
  /** PEM, leaf first. */
  | { readonly result: "signed"; readonly chain: string }
  /** It never will; asking again is of no use. */
  | { readonly result: "refused"; readonly why: string }
  /** It could not be asked; later perhaps. */
  | { readonly result: "noAnswer"; readonly why: string };

/** Signs what stations ask for with SignCertificate (2.0.1 A02, A03). Never throws. */
export interface CertificateAuthority {
  sign(request: CertificateRequest): Promise<SigningResult>;
}
