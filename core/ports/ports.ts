// Needs of one folder that are met by knowledge of another, chosen by the composition root.
import type { PartyId } from "../ids/ids.ts";

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
