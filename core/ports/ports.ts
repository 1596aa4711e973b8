// Needs of one folder that are met by knowledge of another, chosen by the composition root.
import type { PartyId, StationId } from "../ids/ids.ts";

/** Real-time authorisation at a roaming partner; the spine asks the registry alone. */
export interface Authoriser {
  authorise(
    party: PartyId,
    idToken: string,
    deadlineMs: number,
  ): Promise<
    | { readonly result: "answered"; readonly allowed: boolean; readonly authorizationReference: string | undefined }
    | { readonly result: "noAnswer"; readonly why: string }
  >;
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
