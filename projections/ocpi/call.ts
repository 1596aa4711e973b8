// What a handler is given, and what of it is enough to show an object.
import type { PartyId } from "../../core/ids/ids.ts";
import type { ApiOptions } from "../rest/context.ts";
import type { OcpiAnswer } from "./envelope.ts";
import type { PartyName } from "./hub-parties.ts";
import type { OcpiServices } from "./services.ts";
import type { Partner } from "./partners.ts";
import type { OcpiVersion } from "./versions/version.ts";

/** What an object is shown by: whose it is, to whom it goes, and where the rest of it is read. */
export interface OcpiView {
  readonly context: Pick<ApiOptions, "store" | "registry" | "clock" | "logger" | "runningPrices">;
  /** Ours. */
  readonly party: PartyId;
  readonly partner: Partner;
  /** In which it is told: that of the address where it was asked for, else the one in force. */
  readonly version: OcpiVersion;
}

export interface OcpiCall extends OcpiView {
  readonly context: ApiOptions;
  readonly services: OcpiServices;
  /** The token that it presented, decoded: what a credentials object says again. */
  readonly presented: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  /** Of this request, without what follows the path. */
  readonly path: string;
  /** Who asks: of functional modules the party in OCPI-from, which a hub passes on. */
  readonly from: PartyName;
  /** For what the request leads to at the partner's. */
  readonly correlationId: string;
}

export type OcpiHandler = (call: OcpiCall) => Promise<OcpiAnswer>;
